import { expect, it } from 'vitest'
import { ArgumentError, LockNotAvailableError, on, StaleDataError, sql } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Architect, Company, Employee, Engineer, Manager, oneOfEach, openStaff, Project, Tester } from './staff.ts'

onEvery({}, (db) => {
  it('UOW-044 a joined row goes into the table of the root, then into its own with the same key, and rows of several classes share the statements of a table', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    session.addAll(oneOfEach())
    expect(session.explainFlush().split('\n')).toEqual([
      'insert employees (kind, name, rev, companyId, level) 5 rows, id from the database',
      'insert engineers (id, language, badge, managerId, tools) 3 rows',
      'insert architects (id, rank) 1 row',
    ])
    await session.flush()
    expect(await session.scalars(sql`select kind from employees order by id`)).toEqual([
      'manager',
      'employee',
      'engineer',
      'architect',
      'tester',
    ])
    expect(await session.scalars(sql`select id from engineers order by id`)).toEqual([3, 4, 5])
    expect(await session.scalars(sql`select id from architects`)).toEqual([4])
    expect(await session.scalars(sql`select tools from engineers where id = 5`)).toEqual([7])
    await session.commit()
  })

  it('UOW-044 an UPDATE touches only the tables whose columns have changed', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const [manager, , engineer, architect] = oneOfEach()
    session.addAll([manager, engineer, architect])
    await session.commit()
    architect.name = 'dora'
    expect(session.explainFlush()).toBe('update employees set name, rev where id, rev, 1 row')
    architect.rank = 2
    manager.level = 4
    expect(session.explainFlush().split('\n')).toEqual([
      'update employees set name, rev where id, rev, 1 row',
      'update employees set rev, level where id, rev, 1 row',
      'update architects set rank where id, 1 row',
    ])
    await session.commit()
    expect(await session.scalars(sql`select rank from architects`)).toEqual([2])
    expect(await session.scalars(sql`select level from employees where id = 1`)).toEqual([4])
  })

  it('UOW-044 a DELETE goes through the tables of the subclasses first', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const staff = oneOfEach()
    session.addAll(staff)
    await session.commit()
    session.deleteAll(staff)
    expect(session.explainFlush().split('\n')).toEqual([
      'delete architects where id, 1 row',
      'delete engineers where id, 3 rows',
      'delete employees where id, rev, 5 rows',
    ])
    await session.commit()
    for (const table of ['employees', 'engineers', 'architects']) {
      expect(await session.scalars(sql`select count(*) from ${sql.table(table)}`).then(([n]) => Number(n))).toBe(0)
    }
  })

  it('VER-008 a change of the own table alone bumps and checks the version in the table of the root', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const engineer = new Engineer({ name: 'cid', language: 'c' })
    session.add(engineer)
    await session.commit()
    expect(engineer.rev).toBe(1)
    engineer.language = 'zig'
    expect(session.explainFlush().split('\n')).toEqual([
      'update employees set rev where id, rev, 1 row',
      'update engineers set language where id, 1 row',
    ])
    await session.commit()
    expect(engineer.rev).toBe(2)
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Engineer, engineer.id)).language = 'rust'
    })
    engineer.language = 'go'
    const error: unknown = await session.flush().catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(StaleDataError)
    expect((error as StaleDataError).identities).toEqual([`Engineer#${engineer.id}`])
    await session.rollback()
    session.delete(engineer)
    await expect(session.flush()).rejects.toThrow(StaleDataError)
    await session.rollback()
    expect(await session.scalars(sql`select language from engineers`)).toEqual(['rust'])
  })

  it('many rows of several classes are inserted and updated in a bounded number of statements', async () => {
    const { Sessions, statements } = await openStaff(db)
    await using session = Sessions()
    const staff = Array.from({ length: 300 }, (_, i) => {
      if (i % 3 === 0) return new Manager({ name: `m${i}`, level: i })
      return i % 3 === 1
        ? new Engineer({ name: `e${i}`, language: 'c' })
        : new Architect({ name: `a${i}`, language: 'ts', rank: i })
    })
    session.addAll(staff)
    await session.flush()
    expect(staff.map(({ id }) => id)).toEqual(staff.map((_, i) => (staff[0] as Employee).id + i))
    for (const one of staff) one.name += '!'
    const before = session.explainFlush()
    expect(before).toBe('update employees set name, rev where id, rev, 300 rows')
    statements.clear()
    await session.commit()
    const updates = statements.statements.filter(({ sql }) => /^update/i.test(sql))
    expect(new Set(updates.map(({ sql }) => sql)).size).toBeLessThanOrEqual(2)
    expect(await session.scalars(sql`select max(rank) from architects`)).toEqual([299])
  })

  it('a rollback restores rows of every class, and what was new can be added again', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const [manager, , , architect] = oneOfEach()
    session.addAll([manager, architect])
    await session.commit()
    architect.rank = 9
    architect.name = 'x'
    const tester = new Tester({ name: 'new', language: 'py' })
    session.add(tester)
    session.delete(manager)
    await session.flush()
    await session.rollback()
    expect([architect.rank, architect.name, architect.rev, manager.level]).toEqual([1, 'dot', 1, 3])
    expect(session.has(manager)).toBe(true)
    expect(session.has(tester)).toBe(false)
    session.add(tester)
    await session.commit()
    expect(await session.query(Tester).count()).toBe(1)
  })

  it('a savepoint that is rolled back restores the columns of both tables', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const architect = new Architect({ name: 'dot', language: 'ts', rank: 1 })
    session.add(architect)
    await session.flush()
    const failing = session.beginNested(async () => {
      architect.rank = 2
      architect.language = 'c'
      architect.name = 'other'
      await session.flush()
      throw new Error('back')
    })
    await expect(failing).rejects.toThrow('back')
    expect([architect.rank, architect.language, architect.name]).toEqual([1, 'ts', 'dot'])
    await session.commit()
  })

  it('a unique value of a subclass changes hands in one flush', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const [one, other] = [
      new Engineer({ name: 'a', language: 'c', badge: '1' }),
      new Tester({ name: 'b', language: 'c', badge: '2' }),
    ]
    const manager = new Manager({ name: 'm', level: 2 })
    session.addAll([one, manager, other])
    await session.commit()
    one.badge = '2'
    other.badge = '1'
    await session.commit()
    expect(await session.scalars(sql`select badge from engineers order by id`)).toEqual(['2', '1'])
    session.delete(one)
    session.add(new Engineer({ name: 'c', language: 'c', badge: '2' }))
    await session.commit()
    expect(await session.scalars(sql`select badge from engineers order by id`)).toEqual(['1', '2'])
  })

  it('a row of another class takes the key of a deleted one in the same flush', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const engineer = new Engineer({ id: 7, name: 'cid', language: 'c' })
    session.add(engineer)
    await session.commit()
    session.delete(engineer)
    session.add(new Manager({ id: 7, name: 'cid', level: 1 }))
    await session.commit()
    expect(await session.scalars(sql`select kind from employees`)).toEqual(['manager'])
    expect(await session.scalars(sql`select id from engineers`)).toEqual([])
    expect(await session.get(Engineer, 7)).toBeNull()
  })

  it('listeners of a class hear of the rows of the classes below it, once each, whatever the number of tables', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const heard: string[] = []
    const listening = [
      on(Employee, 'beforeInsert', ({ target }) => void heard.push(`insert ${target.name}`)),
      on(Employee, 'afterInsert', ({ target }) => void heard.push(`inserted ${target.id}`)),
      on(Engineer, 'beforeUpdate', ({ target }) => {
        heard.push(`update ${target.name}`)
        target.language = 'by listener'
      }),
      on(Architect, 'afterDelete', ({ target }) => void heard.push(`deleted ${target.name}`)),
    ]
    try {
      const [manager, , engineer, architect] = oneOfEach()
      session.addAll([manager, engineer, architect])
      await session.flush()
      expect(heard.splice(0)).toEqual([
        'insert ann',
        'insert cid',
        'insert dot',
        'inserted 1',
        'inserted 2',
        'inserted 3',
      ])
      manager.name = 'anne'
      architect.name = 'dora'
      await session.flush()
      expect(heard.splice(0)).toEqual(['update dora'])
      expect(architect.language).toBe('by listener')
      session.deleteAll([engineer, architect])
      await session.flush()
      expect(heard).toEqual(['deleted dora'])
      await session.commit()
    } finally {
      for (const stop of listening) stop()
    }
  })

  it('relations of a parent class reach rows of every class: both sides, cascades, orphans, pairs', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const [manager, employee, engineer, architect, tester] = oneOfEach()
    const company = new Company({ name: 'c', employees: [manager, employee, engineer, architect] })
    const project = new Project({ title: 'p', members: [manager, architect] })
    tester.company = company
    engineer.manager = manager
    architect.manager = manager
    session.addAll([company, project])
    session.add(tester)
    await session.commit()
    expect([...(await company.employees)].length).toBe(5)
    expect((await manager.reports).map(({ name }) => name)).toEqual(['cid', 'dot'])
    expect(await session.scalars(sql`select count(*) from employee_projects`).then(([n]) => Number(n))).toBe(2)
    company.employees.remove(tester)
    await session.commit()
    expect(await session.get(Employee, tester.id)).toBeNull()
    session.delete(company)
    await session.commit()
    for (const table of ['employees', 'engineers', 'architects', 'employee_projects']) {
      expect(await session.scalars(sql`select count(*) from ${sql.table(table)}`).then(([n]) => Number(n))).toBe(0)
    }
  })

  it('a bulk update or delete of a class writes its rows alone, and instances of other classes do not hear of it', async () => {
    const { Sessions } = await openStaff(db)
    await using session = Sessions()
    const [manager, employee, engineer, architect, tester] = oneOfEach()
    session.addAll([manager, employee, engineer, architect, tester])
    await session.commit()
    expect(await session.query(Manager).update({ level: 9 })).toBe(1)
    expect([manager.level, manager.rev, employee.rev]).toEqual([9, 2, 1])
    expect(await session.query(Engineer).where('language', '=', 'ts').update({ name: 'x' })).toBe(1)
    expect([engineer.name, architect.name]).toEqual(['cid', 'x'])
    await expect(session.query(Engineer).update({ language: 'go' })).rejects.toThrow(/'engineers' and 'employees'/)
    await session.rollback()
    expect(await session.query(Tester).delete()).toBe(1)
    expect(await session.query(Manager).delete()).toBe(1)
    expect([session.has(tester), session.has(engineer)]).toEqual([false, true])
    await session.commit()
    expect(await session.scalars(sql`select kind from employees order by id`)).toEqual([
      'employee',
      'engineer',
      'architect',
    ])
    expect(await session.query(Employee).delete()).toBe(3)
    await session.commit()
    expect(await session.scalars(sql`select id from engineers`)).toEqual([])
  })

  it('plain rows are refused for every class of a family, by the name of the call and of the class, before anything is sent', async () => {
    const { Sessions, statements } = await openStaff(db)
    await using session = Sessions()
    const row = { id: 1, name: 'ann' }
    const calls = {
      'session.insert(Employee,': () => session.insert(Employee, [row]),
      'session.insert(Manager,': () => session.insert(Manager, [{ ...row, level: 1 }], { returning: true }),
      'session.insert(Engineer,': () => session.insert(Engineer, [{ ...row, language: 'c' }]),
      'session.update(Employee,': () => session.update(Employee, [row]),
      'session.upsert(Employee,': () => session.upsert(Employee, [row], { on: ['id'] }),
      'session.upsert(Engineer,': () => session.upsert(Engineer, [{ ...row, language: 'c' }], { on: ['id'] }),
    }
    for (const [name, call] of Object.entries(calls)) {
      const error = await (async () => call())().catch((failure: unknown) => failure)
      expect(error).toBeInstanceOf(ArgumentError)
      expect((error as Error).message).toContain(name)
      expect((error as Error).message).toContain('add instances instead')
    }
    statements.expectCount(0)
  })
})

onEvery({ needs: ['rowLocks', 'writers'] }, (db) => {
  it('LOCK-003 a lock of a class locks its rows in all tables, by query and by key', async () => {
    const { Sessions } = await openStaff(db)
    await Sessions.begin((session) => session.addAll(oneOfEach()))
    await using session = Sessions()
    await using other = Sessions()
    const busy = (read: () => Promise<unknown>) => expect(read()).rejects.toThrow(LockNotAvailableError)
    for (const lock of [
      () => session.query(Architect).where('rank', '=', 1).forUpdate().one(),
      () => session.getOne(Architect, 4, { forUpdate: true }),
    ]) {
      await lock()
      await busy(() => other.query(Employee).where('id', '=', 4).forUpdate({ nowait: true }).one())
      await other.rollback()
      await busy(() => other.getOne(Architect, 4, { forUpdate: { nowait: true } }))
      await other.rollback()
      await session.rollback()
    }
  })
})
