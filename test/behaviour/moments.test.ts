import { expect, it } from 'vitest'
import {
  createAll,
  custom,
  entity,
  integer,
  json,
  manyToOne,
  oneToMany,
  sessionmaker,
  sql,
  state,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

/** Times of every kind that instances keep, or do not keep, as milliseconds. */
class Meeting extends entity('moment_meetings', {
  id: integer().primaryKey(),
  title: varchar(40),
  startsAt: timestamp(),
  endsAt: timestamp().nullable(),
  seenAt: timestamp().nullable().deferred(),
  madeAt: timestamp().serverDefault(sql`'2026-01-02 03:04:05'`),
  day: custom<string, Date>({
    storage: timestamp(),
    toDatabase: (day) => new Date(`${day}T00:00:00Z`),
    fromDatabase: (stored) => stored.toISOString().slice(0, 10),
  }),
  notes: json<unknown>().default({}),
  parentId: integer().nullable().references('moment_meetings.id'),
  get parent() {
    return manyToOne(() => Meeting, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Meeting, { backPopulates: 'parent', orderBy: 'id' })
  },
}) {}

/** The time is the key. */
class Tick extends entity('moment_ticks', { at: timestamp().primaryKey(), size: integer() }) {}

const noon = new Date(Date.UTC(2026, 4, 6, 12, 0, 0, 250))
const later = new Date(Date.UTC(2026, 4, 6, 13, 30))
const made = new Date(Date.UTC(2026, 0, 2, 3, 4, 5))

onEvery({}, (db) => {
  async function open() {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Meeting, Tick])
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin(async (session) => {
      session.add(new Meeting({ title: 'one', startsAt: noon, endsAt: null, seenAt: later, day: '2026-05-06' }))
      session.add(new Meeting({ title: 'two', startsAt: later, endsAt: later, day: '2026-05-07', parentId: 1 }))
    })
    return Sessions
  }

  it('times of loaded rows are Dates, the same at each reading', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const [one, two] = await session.query(Meeting).orderBy('id').all()
    if (one === undefined || two === undefined) throw new Error('no meetings')
    expect([one.startsAt, one.endsAt, one.madeAt, one.day]).toEqual([noon, null, made, '2026-05-06'])
    expect([two.startsAt, two.endsAt]).toEqual([later, later])
    expect(one.startsAt).toBeInstanceOf(Date)
    expect(one.startsAt).toBe(one.startsAt)
    expect(await session.get(Meeting, 1)).toBe(one)
    await session.refresh(one, ['seenAt'])
    expect(one.seenAt).toEqual(later)
  })

  it('whoever looks at all values sees Dates: toObject(), JSON, inspect', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const one = await session.query(Meeting).where('id', '=', 1).one()
    expect(one.toObject()).toMatchObject({ startsAt: noon, endsAt: null, madeAt: made, day: '2026-05-06' })
    const two = await session.getOne(Meeting, 2)
    expect(JSON.parse(JSON.stringify(two))).toMatchObject({ startsAt: later.toISOString() })
  })

  it('a change is told from what was there, and a rollback brings it back', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const one = await session.getOne(Meeting, 1)
    one.startsAt = new Date(noon)
    expect(session.isModified(one)).toBe(false)
    one.title = 'renamed'
    one.startsAt = later
    expect(state(one).modified).toEqual({ title: ['one', 'renamed'], startsAt: [noon, later] })
    await session.flush()
    await session.rollback()
    expect([one.title, one.startsAt]).toEqual(['one', noon])
    one.title = 'again'
    await session.commit()
    await session.refresh(one)
    expect([one.title, one.startsAt]).toEqual(['again', noon])
  })

  it('rows for instances that are there: kept, filled in, or written over', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const one = await session.getOne(Meeting, 1)
    session.expire(one, ['startsAt'])
    await session.query(Meeting).all()
    expect(one.startsAt).toEqual(noon)
    await session.commit()
    await Sessions.begin(async (other) => {
      const same = await other.getOne(Meeting, 1)
      same.startsAt = later
    })
    const [again] = await session.query(Meeting).where('id', '=', 1).populateExisting().all()
    expect([again === one, one.startsAt]).toEqual([true, later])
    session.expire(one)
    await session.refresh(one)
    expect([one.startsAt, one.madeAt]).toEqual([later, made])
  })

  it('related rows and joined ones likewise; what has left the session keeps its times', async () => {
    const Sessions = await open()
    const session = Sessions()
    const [one] = await session.query(Meeting).where('id', '=', 1).with('children').all()
    const [two] = await session.query(Meeting).where('id', '=', 2).with('parent').all()
    await session.close()
    expect(one?.children.map(({ startsAt }) => startsAt)).toEqual([later])
    expect([two?.parent?.startsAt, two?.endsAt]).toEqual([noon, later])
  })

  it('rows that are no instances, keys and answers of writes have Dates', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const rows = await session.query(Meeting).select('id', 'startsAt').orderBy('id').all()
    expect(rows).toEqual([
      { id: 1, startsAt: noon },
      { id: 2, startsAt: later },
    ])
    session.add(new Tick({ at: noon, size: 1 }))
    await session.commit()
    session.expungeAll()
    const tick = await session.getOne(Tick, noon)
    expect([tick.at, (await session.query(Tick).all())[0] === tick]).toEqual([noon, true])
    const [third] = await session.insert(Meeting, [{ title: 'three', startsAt: noon, day: '2026-05-08' }], {
      returning: true,
    })
    expect([third?.startsAt, third?.madeAt, third?.day]).toEqual([noon, made, '2026-05-08'])
  })

  it('documents of inserted rows are read once: a text stays one', async () => {
    const Sessions = await open()
    await using session = Sessions()
    const given = ['a text', '"quoted"', '12', { a: [1] }, 5, true]
    const rows = given.map((notes, n) => ({ title: `n${n}`, startsAt: noon, day: '2026-05-08', notes }))
    const inserted = await session.insert(Meeting, rows, { returning: true })
    expect(inserted.map(({ notes }) => notes)).toEqual(given)
    session.expungeAll()
    expect((await session.query(Meeting).where('id', '>', 2).orderBy('id').all()).map(({ notes }) => notes)).toEqual(
      given,
    )
  })
})
