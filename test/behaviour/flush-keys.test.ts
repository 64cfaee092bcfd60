import { expect, it } from 'vitest'
import { entity, integer, manyToOne, oneToMany, sql, text, varchar } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openFlushes } from './flush-entities.ts'

/** The database passes a changed key on. */
class Owner extends entity('owners', {
  name: varchar(40).primaryKey(),
  get boats() {
    return oneToMany(() => Boat, { backPopulates: 'owner' })
  },
}) {}

class Boat extends entity('boats', {
  id: integer().primaryKey(),
  ownerName: varchar(40).nullable().references('owners.name', { onUpdate: 'cascade' }),
  get owner() {
    return manyToOne(() => Owner, { backPopulates: 'boats' }).nullable()
  },
}) {}

/** The database knows nothing of it. */
class Team extends entity('teams', {
  name: varchar(40).primaryKey(),
  get players() {
    return oneToMany(() => Player, { backPopulates: 'team', foreignKey: 'teamName', passiveUpdates: false })
  },
}) {}

class Player extends entity('players', {
  id: integer().primaryKey(),
  teamName: varchar(40).nullable(),
  get team() {
    return manyToOne(() => Team, { backPopulates: 'players', foreignKey: 'teamName' }).nullable()
  },
}) {}

/** Values that only one row may have. */
class Login extends entity('logins', {
  id: integer().primaryKey(),
  email: varchar(60).unique(),
  phone: varchar(20).nullable().unique(),
  rank: integer().unique(),
  notes: text().nullable(),
}) {}

class Visit extends entity('visits', {
  id: integer().primaryKey(),
  loginId: integer().nullable().references('logins.id'),
  get login() {
    return manyToOne(() => Login).nullable()
  },
}) {}

const entities = [Owner, Boat, Team, Player, Login, Visit]

onEvery({}, (db) => {
  const openLogins = async () => {
    const opened = await openFlushes(db, entities)
    const session = opened.Sessions()
    const logins = [1, 2, 3].map((n) => new Login({ email: `${n}@x`, phone: `${n}`, rank: n, notes: `${n}` }))
    session.addAll(logins)
    await session.commit()
    for (const login of logins) await session.refresh(login)
    const stored = async () => {
      await session.commit()
      const rows = await session.query(Login).orderBy('notes').all()
      return rows.map(({ notes, email, phone, rank }) => `${notes}: ${email} ${phone} ${rank}`)
    }
    return { ...opened, session, logins: logins as [Login, Login, Login], stored }
  }

  it('UOW-021 a changed key is passed on by the database in one statement, and loaded children have it too', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    await Sessions.begin((session) => session.add(new Owner({ name: 'ed', boats: [new Boat({}), new Boat({})] })))
    await using session = Sessions()
    const owner = await session.getOne(Owner, 'ed')
    owner.name = 'edward'
    await statements.during(() => session.flush())
    statements.expectExactly('update owners set name')
    expect((await owner.boats).map(({ ownerName }) => ownerName)).toEqual(['edward', 'edward'])
    owner.name = 'ned'
    await session.flush()
    expect((await owner.boats).map(({ ownerName }) => ownerName)).toEqual(['ned', 'ned'])
    await session.rollback()
    expect((await owner.boats).map(({ ownerName }) => ownerName)).toEqual(['ed', 'ed'])
  })

  it('UOW-021 without passive updates the children are loaded and updated together', async () => {
    const { Sessions, statements } = await openFlushes(db, entities)
    await Sessions.begin((session) => session.add(new Team({ name: 'a', players: [new Player({}), new Player({})] })))
    await using session = Sessions()
    const team = await session.getOne(Team, 'a')
    team.name = 'b'
    await statements.during(() => session.flush())
    statements.expectExactly('select', 'update teams set name', /^update players (as t )?set teamname/)
    await session.commit()
    expect((await session.query(Player).all()).map(({ teamName }) => teamName)).toEqual(['b', 'b'])
  })

  it('two rows swap their unique values in one flush', async () => {
    const { session, logins, stored } = await openLogins()
    const [first, second] = logins
    for (const property of ['email', 'phone', 'rank'] as const) {
      const [a, b] = [first[property], second[property]]
      Object.assign(first, { [property]: b })
      Object.assign(second, { [property]: a })
    }
    await session.flush()
    expect([first.email, first.phone, first.rank]).toEqual(['2@x', '2', 2])
    expect([...session.dirty]).toEqual([])
    expect(await stored()).toEqual(['1: 2@x 2 2', '2: 1@x 1 1', '3: 3@x 3 3'])
    await session.close()
  })

  it('three rows pass a unique value round, and on to a fourth', async () => {
    const { session, logins, stored } = await openLogins()
    const [first, second, third] = logins
    session.add(new Login({ email: '4@x', phone: null, rank: 4, notes: '4' }))
    await session.flush()
    const emails = [second.email, third.email, first.email]
    logins.forEach((login, i) => {
      login.email = emails[i] as string
    })
    for (const [i, login] of logins.entries()) login.rank = i + 2
    const fourth = await session.query(Login).where('notes', '=', '4').autoflush(false).one()
    fourth.rank = 9
    await session.flush()
    expect(await stored()).toEqual(['1: 2@x 1 2', '2: 3@x 2 3', '3: 1@x 3 4', '4: 4@x null 9'])
    await session.close()
  })

  it('a new row takes the unique value that another gives up', async () => {
    const { session, logins, stored, statements } = await openLogins()
    logins[0].email = 'new@x'
    session.add(new Login({ email: '1@x', phone: '4', rank: 4, notes: '4' }))
    await statements.during(() => session.flush())
    statements.expectExactly('update logins', 'insert into logins')
    expect(await stored()).toEqual(['1: new@x 1 1', '2: 2@x 2 2', '3: 3@x 3 3', '4: 1@x 4 4'])
    await session.close()
  })

  it('a new row, and a changed one, take the unique values of deleted rows', async () => {
    const { session, logins, stored, statements } = await openLogins()
    session.delete(logins[0])
    session.delete(logins[1])
    session.add(new Login({ email: '1@x', phone: '1', rank: 1, notes: '4' }))
    logins[2].email = '2@x'
    await statements.during(() => session.flush())
    statements.expectExactly('delete from logins', 'insert into logins', 'update logins')
    expect(await stored()).toEqual(['3: 2@x 3 3', '4: 1@x 1 1'])
    await session.close()
  })

  it('a row that others of the flush refer to gives its unique values up before it is deleted', async () => {
    const { session, logins, stored } = await openLogins()
    const visit = new Visit({ login: logins[0] })
    session.add(visit)
    await session.flush()
    const heir = new Login({ email: '1@x', phone: '1', rank: 1, notes: '4' })
    session.delete(logins[0])
    visit.login = heir
    await session.flush()
    expect(visit.loginId).toBe(heir.id)
    expect(await stored()).toEqual(['2: 2@x 2 2', '3: 3@x 3 3', '4: 1@x 1 1'])
    await session.close()
  })

  it('a failed flush leaves rows that were to swap their values as they were, in memory and stored', async () => {
    const { session, logins, stored } = await openLogins()
    const [first, second] = logins
    first.email = '2@x'
    second.email = '1@x'
    session.add(new Login({ email: '3@x', rank: 9 }))
    await expect(session.flush()).rejects.toMatchObject({ name: 'UniqueViolationError' })
    expect([first.email, second.email]).toEqual(['2@x', '1@x'])
    await session.rollback()
    expect([first.email, second.email]).toEqual(['1@x', '2@x'])
    expect(await stored()).toEqual(['1: 1@x 1 1', '2: 2@x 2 2', '3: 3@x 3 3'])
    await session.close()
  })

  it('an expression is written without an order, and a value that is given up for it is free', async () => {
    const { session, logins, stored } = await openLogins()
    Object.assign(logins[0], { rank: sql`10 + 1` })
    logins[1].rank = 1
    await session.flush()
    expect(await stored()).toEqual(['1: 1@x 1 11', '2: 2@x 2 1', '3: 3@x 3 3'])
    await session.close()
  })
})
