import { expect, it } from 'vitest'
import {
  createAll,
  entity,
  integer,
  loadOnly,
  MappingError,
  registerEntities,
  sessionmaker,
  sql,
  state,
  subclass,
  UnknownDiscriminatorError,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Architect, Company, Employee, Engineer, Manager, oneOfEach, openStaff, Project, Tester } from './staff.ts'

onEvery({}, (db) => {
  it('a query for the root gives real instances of the class of each row, with one more statement for each class that has more columns', async () => {
    const { Sessions, statements } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    statements.clear()
    const staff = await session.query(Employee).orderBy('id').all()
    expect(statements.statements.filter(({ sql }) => /^select/i.test(sql)).length).toBe(5)
    expect(staff.map((one) => one.constructor)).toEqual([Manager, Employee, Engineer, Architect, Tester])
    expect(staff.every((one) => one instanceof Employee)).toBe(true)
    const [manager, , , architect, tester] = staff as [Manager, Employee, Engineer, Architect, Tester]
    expect(manager.lead()).toBe('hi ann, level 3')
    expect([architect.language, architect.rank, tester.tools]).toEqual(['ts', 1, 7])
    expect(architect).toBeInstanceOf(Engineer)
    expect(state(architect).unloaded).toEqual([])
    await session.commit()
  })

  it('SES-006 a row is one instance by whatever class it is asked for, and null by another', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    expect(await session.get(Manager, 3)).toBeNull()
    const architect = await session.getOne(Employee, 4)
    expect(architect).toBeInstanceOf(Architect)
    expect((architect as Architect).rank).toBe(1)
    expect(await session.get(Architect, 4)).toBe(architect)
    expect(await session.get(Engineer, 4)).toBe(architect)
    expect(await session.get(Manager, 4)).toBeNull()
    expect(await session.get(Tester, 4)).toBeNull()
    expect(await session.query(Engineer).where('id', '=', 4).one()).toBe(architect)
    const { identityMap } = session
    expect([identityMap.get(Employee, 4), identityMap.get(Engineer, 4)]).toEqual([architect, architect])
    expect([identityMap.get(Manager, 4), identityMap.get(Tester, 4)]).toEqual([undefined, undefined])
    await session.commit()
  })

  it('a query for a subclass gives its rows and those of the classes below it: conditions, orders, counts and joins by inherited and own columns', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => {
      const [manager, ...others] = oneOfEach()
      session.addAll([manager, ...others, new Company({ name: 'c', employees: [manager, others[1]] })])
    })
    await using session = Sessions()
    const engineers = session.query(Engineer)
    expect(await engineers.count()).toBe(3)
    expect((await engineers.orderBy('language', 'desc').all()).map(({ name }) => name)).toEqual(['dot', 'eve', 'cid'])
    expect((await engineers.where('name', '=', 'dot').where('language', '=', 'ts').one()).constructor).toBe(Architect)
    expect((await engineers.where('employees.name', '=', 'cid').where('engineers.language', '=', 'c').one()).name).toBe(
      'cid',
    )
    expect(await session.query(Architect).where('rank', '>', 0).where('language', 'in', ['ts']).exists()).toBe(true)
    expect((await session.query(Manager).all()).map(({ level }) => level)).toEqual([3])
    expect(await session.query(Tester).where('tools', '=', 7).count()).toBe(1)
    expect(await session.query(Engineer).limit(2).offset(1).orderBy('id').all()).toHaveLength(2)
    expect(await session.query(Manager).filterBy({ name: 'bob' }).oneOrNull()).toBeNull()
    expect(
      (await session.query(Engineer).join('company').where('company.name', '=', 'c').all()).map(({ name }) => name),
    ).toEqual(['cid'])
    expect((await session.query(Company).join('managers').where('managers.level', '=', 3).all()).length).toBe(1)
    const streamed: string[] = []
    for await (const one of session.query(Employee).orderBy('name').stream({ batch: 2 }))
      streamed.push(one.constructor.name)
    expect(streamed).toEqual(['Manager', 'Employee', 'Engineer', 'Architect', 'Tester'])
    await session.commit()
  })

  it('relations to a root give instances of every class, those to a subclass only its own: lazily, by with(), and after a refresh', async () => {
    const { Sessions, statements } = await openStaff(db)
    await Sessions.begin((session) => {
      const [manager, employee, engineer, architect, tester] = oneOfEach()
      session.addAll([manager, employee])
      engineer.manager = manager
      architect.manager = manager
      const company = new Company({ name: 'c', employees: [manager, employee, engineer, architect] })
      session.addAll([company, new Project({ title: 'p', members: [tester, manager] })])
    })
    const names = (some: Iterable<object>) => Array.from(some, (one) => one.constructor.name)
    await using session = Sessions()
    const company = await session.getOne(Company, 1)
    expect(names(await company.employees)).toEqual(['Manager', 'Employee', 'Engineer', 'Architect'])
    expect(names(await company.managers)).toEqual(['Manager'])
    const project = await session.query(Project).with('members.projects').one()
    expect(names(project.members).sort()).toEqual(['Manager', 'Tester'])
    await session.close()
    const engineers = await session.query(Engineer).with('company').orderBy('name').all()
    expect(engineers.map((one) => one.company?.name)).toEqual(['c', 'c', undefined])
    statements.clear()
    const manager = await engineers[0]?.manager
    expect(manager?.lead()).toBe('hi ann, level 3')
    expect(statements.statements.filter(({ sql }) => /^select/i.test(sql)).length).toBe(1)
    expect(names(await (manager as Manager).reports)).toEqual(['Engineer', 'Architect'])
    const [architect] = await session.query(Architect).all()
    await session.execute(sql`update architects set rank = 5`)
    await session.refresh(architect as Architect)
    expect([architect?.rank, architect?.language, architect?.name]).toEqual([5, 'ts', 'dot'])
    await session.commit()
  })

  it('instances of every class are expired, read again, populated and merged with all of their columns', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    const architect = (await session.getOne(Employee, 4)) as Architect
    session.expireAll()
    await session.query(Employee).all()
    expect([architect.name, architect.language, architect.rank]).toEqual(['dot', 'ts', 1])
    await session.execute(sql`update architects set rank = 8`)
    await session.query(Employee).populateExisting().all()
    expect(architect.rank).toBe(8)
    await session.close()
    const copy = new Architect({ id: 4, name: 'merged', language: 'ml', rank: 2 })
    const merged = await session.merge(copy)
    expect(merged).toBeInstanceOf(Architect)
    await session.commit()
    expect(await session.scalars(sql`select name from employees where id = 4`)).toEqual(['merged'])
    expect(await session.scalars(sql`select language from engineers where id = 4`)).toEqual(['ml'])
    expect(await session.scalars(sql`select rank from architects`)).toEqual([2])
    const fresh = await session.merge(new Manager({ name: 'new', level: 1 }))
    await session.commit()
    expect((await session.getOne(Manager, fresh.id)).kind).toBe('manager')
  })

  it('a query that leaves columns out still knows the class of every row', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    const staff = await session.query(Employee).options(loadOnly('name')).orderBy('id').all()
    expect(staff.map((one) => one.constructor)).toEqual([Manager, Employee, Engineer, Architect, Tester])
    await session.commit()
  })

  it('an instance keeps its class: the value that tells it is set by itself, and no other is taken', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const manager = new Manager({ name: 'ann', level: 3 })
    expect(manager.kind).toBe('manager')
    manager.kind = 'manager'
    expect(() => {
      manager.kind = 'engineer'
    }).toThrow(/Setting Manager.kind: it tells the class of the row, and is always manager/)
    session.add(manager)
    await session.flush()
    expect(state(manager).modified).toEqual({})
    await session.commit()
  })

  it('a row whose class is not known is an error that says what to do', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    await session.execute(sql`update employees set kind = 'pilot' where id = 2`)
    const error: unknown = await session
      .query(Employee)
      .all()
      .catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(UnknownDiscriminatorError)
    expect(error).toMatchObject({ property: 'kind', value: 'pilot' })
    expect((error as Error).message).toMatch(/"pilot".*Import the module/)
    await session.rollback()
  })

  it('a class becomes known by its first use, or by registerEntities', async () => {
    class Shape extends entity('shapes', { id: integer().primaryKey(), type: varchar(10).discriminator() }) {}
    class Circle extends subclass(Shape, { radius: integer() }, { discriminator: 'circle' }) {}
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Shape])
    const Sessions = sessionmaker({ bind: engine })
    await using session = Sessions()
    await session.execute(sql`insert into shapes (id, type, radius) values (1, 'circle', 5)`)
    await expect(session.query(Shape).all()).rejects.toThrow(MappingError)
    registerEntities(Circle)
    const [circle] = await session.query(Shape).all()
    expect(circle).toBeInstanceOf(Circle)
    expect((circle as Circle).radius).toBe(5)
    expect(() => new Shape()).toThrow(/abstract.*make one of Circle/)
    await session.commit()
  })

  it('a class that is declared later is read by queries that were there before', async () => {
    class Shape extends entity('shapes', { id: integer().primaryKey(), type: varchar(10).discriminator('shape') }) {}
    class Circle extends subclass(Shape, { radius: integer().nullable() }, { discriminator: 'circle' }) {}
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Circle])
    const Sessions = sessionmaker({ bind: engine })
    await using session = Sessions()
    session.addAll([new Shape(), new Circle({ radius: 1 })])
    await session.flush()
    expect((await session.query(Circle).all()).length).toBe(1)
    class Disc extends subclass(Circle, {}, { discriminator: 'disc' }) {}
    session.add(new Disc())
    await session.flush()
    expect((await session.query(Circle).orderBy('id').all()).map((one) => one.constructor)).toEqual([Circle, Disc])
    await session.commit()
  })

  it('toObject, JSON and inspection show inherited and own columns', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    const architect = await session.getOne(Architect, 4)
    const expected = {
      id: 4,
      kind: 'architect',
      name: 'dot',
      rev: 1,
      companyId: null,
      language: 'ts',
      badge: null,
      managerId: null,
      rank: 1,
    }
    expect(architect.toObject()).toMatchObject(expected)
    expect(JSON.parse(JSON.stringify(architect))).toMatchObject(expected)
    expect(Object.keys(architect)).toEqual([])
    await session.commit()
  })
})
