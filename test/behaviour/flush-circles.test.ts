import { expect, it } from 'vitest'
import { entity, integer, manyToOne, on, oneToMany, varchar } from '../../src/index.ts'
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

const entities = [Kid, Ball, Left, Right]

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
    await session.flush()
    expect([await session.query(Kid).count(), await session.query(Ball).count()]).toEqual([0, 0])
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
