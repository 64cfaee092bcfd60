import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  decimal,
  entity,
  InvalidRequestError,
  integer,
  sessionmaker,
  sql,
  state,
  text,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, fill, openLibrary } from './library.ts'

const changed = new Date(Date.UTC(2026, 4, 6, 7, 8, 9))

class Job extends entity('bulk_jobs', {
  id: integer().primaryKey(),
  rev: integer().version(),
  name: varchar(40),
  state: varchar(10),
  tries: integer(),
  fee: decimal(10, 2).nullable(),
  note: text().nullable(),
  changedAt: timestamp()
    .nullable()
    .onUpdate(() => changed),
}) {}

class Stamped extends entity('bulk_stamped', {
  id: integer().primaryKey(),
  name: varchar(40),
  stamp: text().version(() => crypto.randomUUID()),
}) {}

onEvery({}, (db) => {
  async function openJobs() {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Job, Stamped])
    const statements = recordStatements(engine)
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin((session) =>
      session.addAll([1, 2, 3, 4].map((id) => new Job({ id, name: `j${id}`, state: 'new', tries: id, fee: '1.50' }))),
    )
    return { engine, Sessions, statements, session: Sessions() }
  }

  it('BULK-001 an update by conditions flushes first, and is one statement where they can be decided in memory', async () => {
    const { session, statements } = await openJobs()
    await using _ = session
    const jobs = await session.query(Job).orderBy('id').all()
    if (jobs[3] !== undefined) jobs[3].tries = 1
    statements.clear()
    expect(await session.query(Job).where('tries', '<', 3).update({ state: 'old' })).toBe(3)
    statements.expectExactly('update bulk_jobs', 'update bulk_jobs')
    expect(jobs.map((job) => job.state)).toEqual(['old', 'old', 'new', 'old'])
    expect(jobs.map((job) => job.rev)).toEqual([2, 2, 1, 3])
    expect(jobs.map((job) => job.changedAt)).toEqual([changed, changed, null, changed])
    expect([...session.dirty]).toEqual([])
    for (const job of jobs) job.note = 'checked'
    await session.commit()
    expect(await session.query(Job).where('note', '=', 'checked').count()).toBe(4)
  })

  it('BULK-001 where they cannot, it asks the database which rows it wrote', async () => {
    const { session, statements } = await openJobs()
    await using _ = session
    const jobs = await session.query(Job).orderBy('id').all()
    statements.clear()
    const query = session.query(Job).where(sql<boolean>`tries > ${2}`)
    expect(await query.update({ state: 'old', tries: (eb) => eb('tries', '+', 10) })).toBe(2)
    if (db.can('updateReturning')) statements.expectExactly(/^update bulk_jobs .* returning/)
    else statements.expectExactly(/^select .* for update$/, 'update bulk_jobs')
    expect(jobs.map((job) => job.state)).toEqual(['new', 'new', 'old', 'old'])
    const [third] = jobs.slice(2)
    if (third === undefined) throw new Error('no job')
    await session.refresh(third)
    expect([third.tries, third.rev, third.state]).toEqual([13, 2, 'old'])
    const found = await session.query(Job).orderBy('id').all()
    expect(found.map((job) => [job.tries, job.rev])).toEqual([
      [1, 1],
      [2, 1],
      [13, 2],
      [14, 2],
    ])
  })

  it("BULK-001 'evaluate' is refused where it is impossible, and an unknown way is too", async () => {
    const { session, statements } = await openJobs()
    await using _ = session
    statements.clear()
    const query = session.query(Job).where(sql<boolean>`tries > ${2}`)
    await expect(query.update({ state: 'old' }, { synchronize: 'evaluate' })).rejects.toThrow(InvalidRequestError)
    await expect(query.delete({ synchronize: 'evaluate' })).rejects.toThrow('cannot be decided in memory')
    expect(() => query.delete({ synchronize: 'sometimes' as 'auto' })).toThrow(ArgumentError)
    statements.expectCount(0)
    expect(await session.query(Job).where('id', 'in', [1, 2]).update({ tries: 9 }, { synchronize: 'evaluate' })).toBe(2)
  })

  it('BULK-003 a delete by conditions takes instances out of the session, and a rollback brings them back', async () => {
    const { session } = await openJobs()
    await using _ = session
    const jobs = await session.query(Job).orderBy('id').all()
    expect(await session.query(Job).where('id', '<=', 2).delete()).toBe(2)
    expect(jobs.map((job) => session.has(job))).toEqual([false, false, true, true])
    expect(state(jobs[0] as Job).deleted).toBe(true)
    expect(await session.get(Job, 1)).toBeNull()
    await session.rollback()
    expect(jobs.map((job) => session.has(job))).toEqual([true, true, true, true])
    expect(await session.query(Job).count()).toBe(4)
    expect(await session.query(Job).where(sql<boolean>`tries < ${2}`).delete()).toBe(1)
    expect(session.has(jobs[0] as Job)).toBe(false)
    expect(await session.query(Job).where('id', '=', 2).delete({ synchronize: false })).toBe(1)
    expect(session.has(jobs[1] as Job)).toBe(true)
    await session.commit()
    expect(await session.query(Job).count()).toBe(2)
  })

  it('a rollback gives instances the values from before a bulk update', async () => {
    const { session } = await openJobs()
    await using _ = session
    const job = await session.getOne(Job, 1)
    await session.query(Job).where('id', '=', 1).update({ state: 'old' })
    expect([job.state, job.rev]).toEqual(['old', 2])
    await session.rollback()
    await session.refresh(job)
    expect([job.state, job.rev]).toEqual(['new', 1])
  })

  it('an unflushed change stays where autoflush is off, and is written later over the new version', async () => {
    const { session } = await openJobs()
    await using _ = session
    const job = await session.getOne(Job, 1)
    job.state = 'mine'
    await session.query(Job).autoflush(false).where('id', '=', 1).update({ state: 'theirs', tries: 7 })
    expect([job.state, job.tries]).toEqual(['mine', 7])
    expect(state(job).modified).toEqual({ state: ['theirs', 'mine'] })
    await session.commit()
    expect((await session.getOne(Job, 1, { populateExisting: true })).state).toBe('mine')
  })

  it('updated instances can be given back', async () => {
    const { session } = await openJobs()
    await using _ = session
    const first = await session.getOne(Job, 1)
    const updated = await session.query(Job).where('id', '<', 3).update({ fee: null }, { returning: true })
    expect(updated.map(({ id }) => id).sort()).toEqual([1, 2])
    expect(updated).toContain(first)
    expect(updated.map(({ fee, rev, name }) => [fee, rev, name.slice(0, 1)])).toEqual([
      [null, 2, 'j'],
      [null, 2, 'j'],
    ])
  })

  it('conditions on related rows, joins, order and limit decide which rows are written', async () => {
    const library = await openLibrary(db)
    await fill(library, 3)
    await using session = library.Sessions()
    const books = session.query(Book)
    const author = await session.query(Author).where('name', '=', 'a1').one()
    expect(await books.whereHas('author', (a) => a.where('name', '=', 'a0')).update({ title: 'of a0' })).toBe(2)
    expect(await books.join('author').where('author.name', '=', 'a2').update({ title: 'of a2' })).toBe(2)
    expect(await books.where('author', '=', author).update({ shelfId: null })).toBe(2)
    expect(await books.where('title', '=', 'of a0').orderBy('id').limit(1).update({ title: 'first' })).toBe(1)
    expect(
      await session
        .query(Author)
        .whereHas('books', (b) => b.where('title', '=', 'first'))
        .update({ motto: 'one' }),
    ).toBe(1)
    expect(author.motto).toBeNull()
    const held = await books.where('title', '=', 't1.0').one()
    expect(await held.author).toBe(author)
    await books.where('title', '=', 't1.0').update({ authorId: null })
    expect(held.author).toBeNull()
  })

  it('what a bulk update cannot mean is refused before anything is sent', async () => {
    const { session, statements } = await openJobs()
    await using _ = session
    statements.clear()
    const query = session.query(Job)
    expect(() => query.update({ stat: 'x' } as never)).toThrow("Did you mean 'state'")
    expect(() => query.update({ tries: 'many' } as never)).toThrow(ArgumentError)
    expect(() => query.update({ id: 7 })).toThrow('is of the key')
    expect(() => query.update({})).toThrow('nothing to set')
    expect(() => session.query(Stamped).update({ name: 'x' })).toThrow('made by a function')
    statements.expectCount(0)
    expect(await session.query(Stamped).update({ name: 'x', stamp: 'mine' })).toBe(0)
  })

  it('listeners hear of a bulk write after it', async () => {
    const { session } = await openJobs()
    await using _ = session
    const heard: unknown[] = []
    session.on('afterBulkUpdate', ({ entity, rowCount }) => void heard.push(['update', entity, rowCount]))
    session.on('afterBulkDelete', ({ entity, rowCount }) => void heard.push(['delete', entity, rowCount]))
    await session.query(Job).update({ state: 'x' })
    await session.query(Job).where('id', '=', 1).delete()
    expect(heard).toEqual([
      ['update', Job, 4],
      ['delete', Job, 1],
    ])
  })
})
