import { expect, it, onTestFinished } from 'vitest'
import {
  CircularDependencyError,
  entity,
  integer,
  manyToOne,
  on,
  oneToMany,
  StaleDataError,
  sql,
  varchar,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openFlushes } from './flush-entities.ts'

/** Has balls, and two of them that it likes best. */
class Kid extends entity('kids', {
  id: integer().primaryKey(),
  name: varchar(40),
  favouriteId: integer().nullable().references('balls.id'),
  secondId: integer().nullable().references('balls.id'),
  get favourite() {
    return manyToOne(() => Ball, { foreignKey: 'favouriteId', postUpdate: true }).nullable()
  },
  get second() {
    return manyToOne(() => Ball, { foreignKey: 'secondId', postUpdate: true }).nullable()
  },
  get balls() {
    return oneToMany(() => Ball, { foreignKey: 'kidId', backPopulates: 'kid', cascade: 'all' })
  },
  get seen() {
    return oneToMany(() => Ball, { foreignKey: 'kidId', viewOnly: true })
  },
}) {}

class Ball extends entity('balls', {
  id: integer().primaryKey(),
  colour: varchar(40),
  kidId: integer().nullable().references('kids.id'),
  get kid() {
    return manyToOne(() => Kid, { foreignKey: 'kidId', backPopulates: 'balls' }).nullable()
  },
}) {}

/** Two tables that refer to each other, without postUpdate. */
class Left extends entity('lefts', {
  id: integer().primaryKey(),
  rightId: integer().nullable().references('rights.id'),
  get right() {
    return manyToOne(() => Right, { foreignKey: 'rightId' }).nullable()
  },
}) {}

class Right extends entity('rights', {
  id: integer().primaryKey(),
  leftId: integer().references('lefts.id'),
  get left() {
    return manyToOne(() => Left, { foreignKey: 'leftId' })
  },
}) {}

/** Refers to one of its members, and is guarded; its rows note when they are changed. */
class Team extends entity('teams', {
  id: integer().primaryKey(),
  name: varchar(40),
  captainId: integer().nullable().references('members.id'),
  rev: integer().version(),
  touched: integer()
    .default(0)
    .onUpdate(() => 1),
  get captain() {
    return manyToOne(() => Member, { foreignKey: 'captainId', postUpdate: true }).nullable()
  },
  get members() {
    return oneToMany(() => Member, { foreignKey: 'teamId', backPopulates: 'team', cascade: 'all' })
  },
}) {}

class Member extends entity('members', {
  id: integer().primaryKey(),
  name: varchar(40),
  teamId: integer().nullable().references('teams.id'),
  get team() {
    return manyToOne(() => Team, { foreignKey: 'teamId', backPopulates: 'members' }).nullable()
  },
}) {}

/** Each must have the other. No foreign key in the database: it would have to be checked at the end. */
class Lock extends entity('locks', {
  id: integer().primaryKey(),
  keyId: integer(),
  label: varchar(20).default(''),
  get key() {
    return manyToOne(() => Key, { foreignKey: 'keyId' })
  },
}) {}

class Key extends entity('lock_keys', {
  id: integer().primaryKey(),
  lockId: integer(),
  copyOfId: integer().nullable(),
  get lock() {
    return manyToOne(() => Lock, { foreignKey: 'lockId' })
  },
  get copyOf() {
    return manyToOne(() => Key, { foreignKey: 'copyOfId' }).nullable()
  },
}) {}

const entities = [Kid, Ball, Left, Right, Team, Member]

onEvery({}, (db) => {
  it('UOW-038 UOW-039 postUpdate writes the owner with nulls, the children, then both of its references in one UPDATE', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    await using session = Sessions()
    const balls = ['red', 'blue', 'green'].map((colour) => new Ball({ colour }))
    const [red, blue] = balls as [Ball, Ball]
    const kid = new Kid({ name: 'ed', balls, favourite: red, second: blue })
    session.add(kid)
    await statements.during(() => session.flush())
    statements.expectExactly('insert into kids', 'insert into balls', 'update kids set favouriteid')
    expect([kid.favouriteId, kid.secondId]).toEqual([red.id, blue.id])
    await session.commit()
    await session.refresh(kid)
    kid.name = 'edward'
    await statements.during(() => session.flush())
    statements.expectExactly('update kids set name')
    session.delete(kid)
    await statements.during(() => session.flush())
    statements.expectExactly(
      'select',
      /^update kids set favourite_?id = \S+ second_?id/,
      'delete from balls',
      'delete from kids',
    )
    expect([await session.query(Kid).count(), await session.query(Ball).count()]).toEqual([0, 0])
  })

  it('VER-006 a postUpdate bumps the version of the row it updates and is told to listeners, unless the flush has inserted or updated that row; its DELETE uses the bumped version', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    const heard: string[] = []
    for (const name of ['beforeUpdate', 'afterUpdate'] as const)
      onTestFinished(on(Team, name, ({ target }) => heard.push(`${name} ${target.rev} ${target.captainId}`)))
    await using session = Sessions()
    const [ann, bob] = [new Member({ name: 'ann' }), new Member({ name: 'bob' })]
    const team = new Team({ name: 'a', members: [ann, bob], captain: ann })
    session.add(team)
    await session.commit()
    expect([team.rev, team.touched, heard]).toEqual([1, 0, []])
    team.captain = bob
    await statements.during(() => session.commit())
    statements.expectExactly(/^update teams set/)
    expect([team.rev, team.touched, team.captainId]).toEqual([2, 1, bob.id])
    expect(heard.splice(0)).toEqual([`beforeUpdate 2 ${bob.id}`, `afterUpdate 2 ${bob.id}`])
    team.name = 'b'
    team.captain = ann
    await session.commit()
    expect([team.rev, heard.length, await session.scalar(sql`select rev from teams`)]).toEqual([3, 2, 3])
    session.delete(team)
    await session.commit()
    expect(await session.query(Team).count()).toBe(0)
  })

  it('VER-006 a postUpdate of a stale version is refused', async () => {
    const { Sessions } = await openFlushes(db, entities)
    await using session = Sessions()
    const team = new Team({ name: 'a', members: [new Member({ name: 'ann' })] })
    session.add(team)
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Team, team.id)).name = 'theirs'
    })
    team.captain = (await team.members)[0] as Member
    await expect(session.commit()).rejects.toThrow(StaleDataError)
    await session.rollback()
    expect([team.rev, team.captainId]).toEqual([1, null])
  })

  it('a circle of keys that may not be null is refused before anything is sent, and names them', async () => {
    const { Sessions, statements } = await openFlushes(db, [Lock, Key])
    await using session = Sessions()
    const lock = new Lock({ keyId: 0 })
    const key = new Key({ lockId: 0, lock })
    lock.key = key
    session.addAll([lock, key])
    expect(() => session.explainFlush()).toThrow(CircularDependencyError)
    const failure = await statements.during(() => session.flush().catch((error: unknown) => error))
    statements.expectCount(0)
    expect(failure).toBeInstanceOf(CircularDependencyError)
    expect((failure as CircularDependencyError).circle).toEqual(['Lock.keyId', 'Key.lockId'])
    expect(String(failure)).toMatch(/Lock \(new\) → Key \(new\) → Lock \(new\).*nullable\(\)/)
    await session.rollback()
    session.add(new Lock({ keyId: 1 }))
    session.add(new Key({ lockId: 1 }))
    await session.commit()
  })

  it('a circle with one key that may be null is broken there, whichever row was added first', async () => {
    const { Sessions, statements } = await openFlushes(db, [Lock, Key])
    await using session = Sessions()
    const stored = new Key({ lockId: 0 })
    session.add(stored)
    await session.flush()
    const lock = new Lock({ keyId: 0 })
    const [first, second] = [new Key({ lockId: 0, lock }), new Key({ lockId: 0 })]
    lock.key = second
    second.copyOf = first
    session.addAll([lock, first, second])
    await statements.during(() => session.flush())
    statements.expectExactly(
      'insert into lock_keys',
      'insert into locks',
      'insert into lock_keys',
      'update lock_keys set copyofid',
    )
    expect([lock.keyId, first.lockId, second.copyOfId]).toEqual([second.id, lock.id, first.id])
    session.delete(lock)
    session.delete(first)
    session.delete(second)
    await session.commit()
    expect([await session.query(Lock).count(), await session.query(Key).count()]).toEqual([0, 1])
  })

  it('rows in a circle are written by a second UPDATE, and deleted after their circle is opened', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    await using session = Sessions()
    const left = new Left({})
    const right = new Right({ left })
    left.right = right
    session.add(right)
    session.add(left)
    await statements.during(() => session.flush())
    statements.expectExactly('insert into lefts', 'insert into rights', 'update lefts set rightid')
    expect([left.rightId, right.leftId]).toEqual([right.id, left.id])
    session.delete(left)
    session.delete(right)
    await statements.during(() => session.flush())
    statements.expectExactly('update lefts set rightid', 'delete from rights', 'delete from lefts')
    expect(await session.query(Left).count()).toBe(0)
  })

  it('UOW-043 a viewOnly relation that is changed in memory writes nothing, and does not touch the other one', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    await using session = Sessions()
    const [kid, ball] = [new Kid({ name: 'ed' }), new Ball({ colour: 'red' })]
    session.addAll([kid, ball])
    await session.flush()
    await kid.seen
    kid.seen.add(ball)
    expect([...session.dirty]).toEqual([])
    await statements.during(() => session.flush())
    statements.expectCount(0)
    expect([ball.kid, ball.kidId]).toEqual([null, null])
    expect([...(await kid.balls)]).toEqual([])
  })

  it('UOW-031 listeners hear of all rows of a batch before its statement, and of all after it', async () => {
    const { engine, Sessions } = await openFlushes(db, entities)
    const heard: string[] = []
    const stops = (['beforeInsert', 'afterInsert'] as const).map((name) =>
      on(Ball, name, ({ target }) => heard.push(`${name} ${target.colour}`)),
    )
    engine.on('query', ({ sql }) => {
      if (/^insert/.test(sql)) heard.push('insert')
    })
    await using session = Sessions()
    session.addAll(['red', 'blue'].map((colour) => new Ball({ colour })))
    await session.flush()
    for (const stop of stops) stop()
    expect(heard).toEqual(['beforeInsert red', 'beforeInsert blue', 'insert', 'afterInsert red', 'afterInsert blue'])
  })
})
