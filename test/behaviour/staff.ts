import {
  createAll,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  type SessionOptions,
  sessionmaker,
  subclass,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** Points at the root of a family, and at one of its classes. */
export class Company extends entity('companies', {
  id: integer().primaryKey(),
  name: varchar(100),
  get employees() {
    return oneToMany(() => Employee, { backPopulates: 'company', cascade: 'all, delete-orphan', orderBy: 'id' })
  },
  get managers() {
    return oneToMany(() => Manager, { viewOnly: true, orderBy: 'id' })
  },
}) {}

/** The root, with rows of its own. */
export class Employee extends entity('employees', {
  id: integer().primaryKey(),
  kind: varchar(20).discriminator('employee'),
  name: varchar(100),
  rev: integer().version(),
  companyId: integer().nullable().references('companies.id'),
  get company() {
    return manyToOne(() => Company, { backPopulates: 'employees' }).nullable()
  },
  get projects() {
    return manyToMany(() => Project, { through: 'employee_projects', backPopulates: 'members', orderBy: 'id' })
  },
}) {
  static hired = 'yes'
  greet(): string {
    return `hi ${this.name}`
  }
}

export class Project extends entity('projects', {
  id: integer().primaryKey(),
  title: varchar(100),
  get members() {
    return manyToMany(() => Employee, { through: 'employee_projects', backPopulates: 'projects', orderBy: 'id' })
  },
}) {}

/** Shares the table of the root. */
export class Manager extends subclass(
  Employee,
  {
    level: integer(),
    get reports() {
      return oneToMany(() => Engineer, { backPopulates: 'manager', orderBy: 'id' })
    },
  },
  { discriminator: 'manager' },
) {
  lead(): string {
    return `${this.greet()}, level ${this.level}`
  }
}

/** Has a table of its own, and a foreign key to a row of another class. */
export class Engineer extends subclass(
  Employee,
  {
    language: text(),
    badge: varchar(20).nullable().unique(),
    managerId: integer().nullable().references('employees.id'),
    get manager() {
      return manyToOne(() => Manager, { foreignKey: 'managerId', backPopulates: 'reports' }).nullable()
    },
  },
  { discriminator: 'engineer', table: 'engineers' },
) {}

/** A joined class below a joined one. */
export class Architect extends subclass(
  Engineer,
  { rank: integer() },
  { discriminator: 'architect', table: 'architects' },
) {}

/** Below a joined class, and shares its table. */
export class Tester extends subclass(Engineer, { tools: integer().nullable() }, { discriminator: 'tester' }) {}

/** All classes that rows may be of. */
export const STAFF = [Company, Project, Employee, Manager, Engineer, Architect, Tester] as const

export async function openStaff(db: TestDatabase, options: SessionOptions = {}) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, STAFF)
  return { engine, statements: recordStatements(engine), Sessions: sessionmaker({ bind: engine, ...options }) }
}

/** One of each class; ids 1 to 5 in this order. */
export function oneOfEach() {
  const manager = new Manager({ name: 'ann', level: 3 })
  const employee = new Employee({ name: 'bob' })
  const engineer = new Engineer({ name: 'cid', language: 'c' })
  const architect = new Architect({ name: 'dot', language: 'ts', rank: 1 })
  const tester = new Tester({ name: 'eve', language: 'js', tools: 7 })
  return [manager, employee, engineer, architect, tester] as const
}
