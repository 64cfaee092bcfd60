import { expect, it, onTestFinished } from 'vitest'
import { entity, integer, MappingError, NotLoadedError, on, sql, text, varchar } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { openFlushes } from './flush-entities.ts'

/** Written row by row. */
class Ticket extends entity(
  'opt_tickets',
  { id: integer().primaryKey(), name: varchar(40), seat: integer().default(0) },
  { batch: false },
) {}

/** Whose rows others may delete. */
class Crumb extends entity(
  'opt_crumbs',
  { id: integer().primaryKey(), name: varchar(40) },
  { confirmDeletedRows: false },
) {}

/** What the database makes is read when it is asked for. */
class Draft extends entity(
  'opt_drafts',
  {
    id: integer().primaryKey(),
    words: integer(),
    state: varchar(20).serverDefault(sql`'fresh'`),
    doubled: integer().computed(sql`words * 2`),
    body: text().nullable(),
  },
  { eagerDefaults: false },
) {}

const names = ['beforeInsert', 'afterInsert', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'] as const

onEvery({}, (db) => {
  it('UOW-031 with batch: false listener, statement and listener follow one another, row by row', async () => {
    const { engine, Sessions } = await openFlushes(db, [Ticket])
    const heard: string[] = []
    for (const name of names)
      onTestFinished(on(Ticket, name, ({ target }) => heard.push(`${name.toLowerCase()} ${target.name}`)))
    engine.on('query', ({ sql: statement }) => {
      const verb = /^(insert|update|delete)/.exec(statement)?.[0]
      if (verb !== undefined) heard.push(verb)
    })
    const expectEach = (verb: string) =>
      expect(heard.splice(0)).toEqual(
        ['a', 'b'].flatMap((name) => [`before${verb} ${name}`, verb, `after${verb} ${name}`]),
      )
    await using session = Sessions()
    const tickets = ['a', 'b'].map((name) => new Ticket({ name }))
    session.addAll(tickets)
    expect(session.explainFlush().split('\n')).toHaveLength(2)
    await session.flush()
    expectEach('insert')
    for (const ticket of tickets) ticket.seat = 7
    await session.flush()
    expectEach('update')
    for (const ticket of tickets) session.delete(ticket)
    await session.flush()
    expectEach('delete')
  })

  it('UOW-024 with confirmDeletedRows: false a DELETE that finds fewer rows is silent; an UPDATE fails all the same', async () => {
    const { Sessions } = await openFlushes(db, [Crumb])
    await using session = Sessions()
    const crumbs = ['a', 'b', 'c'].map((name) => new Crumb({ name }))
    session.addAll(crumbs)
    await session.commit()
    const [first, second, third] = crumbs as [Crumb, Crumb, Crumb]
    await session.execute(sql`delete from opt_crumbs where name <> 'c'`)
    const warnings = await warningsDuring(async () => {
      session.delete(first)
      session.delete(third)
      await session.flush()
    })
    expect(warnings).toEqual([])
    second.name = 'gone'
    await expect(session.flush()).rejects.toThrow(/Crumb#2 are gone/)
    await session.rollback()
  })

  it('UOW-029 with eagerDefaults: false a flush reads keys only; refresh gives the rest, and a plain read never a stale value', async () => {
    const { Sessions, statements } = await openFlushes(db, [Draft])
    await using session = Sessions()
    const drafts = [3, 4].map((words) => new Draft({ words }))
    session.addAll(drafts)
    await statements.during(() => session.flush())
    expect(statements.statements.every(({ sql: text }) => text.startsWith('insert'))).toBe(true)
    const [first] = drafts as [Draft]
    expect(first.id).toBeGreaterThan(0)
    expect(() => first.state).toThrow(NotLoadedError)
    await session.refresh(first, ['state', 'doubled'])
    expect([first.state, first.doubled]).toEqual(['fresh', 6])
    first.words = 5
    await statements.during(() => session.flush())
    statements.expectExactly('update opt_drafts')
    expect(() => first.doubled).toThrow(NotLoadedError)
    expect(first.state).toBe('fresh')
    await session.refresh(first)
    expect(first.doubled).toBe(10)
  })
})

it('options of a flush are true or false', () => {
  const withOption = (options: object) => () => entity('things', { id: integer().primaryKey() }, options)
  for (const name of ['batch', 'confirmDeletedRows', 'eagerDefaults'])
    expect(withOption({ [name]: 'no' })).toThrow(
      new MappingError(`entity('things'): ${name} must be true or false, got 'no' (string).`),
    )
  expect(withOption({ batches: true })).toThrow(/did you mean 'batch'\?/)
})
