// Compiled, never run: what the types of classes that inherit promise, and what they must refuse.
import {
  entity,
  enumeration,
  integer,
  manyToOne,
  oneToMany,
  type Session,
  subclass,
  type ToOne,
  text,
  varchar,
} from '../../src/index.ts'

declare const session: Session

/** Whether two types are the very same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <_Check extends true>() => {}

class Company extends entity('companies', {
  id: integer().primaryKey(),
  get employees() {
    return oneToMany(() => Employee, { backPopulates: 'company' })
  },
}) {}

class Employee extends entity('employees', {
  id: integer().primaryKey(),
  kind: enumeration('employee', 'manager', 'engineer', 'architect').discriminator('employee'),
  name: text(),
  companyId: integer().nullable().references('companies.id'),
  get company() {
    return manyToOne(() => Company, { backPopulates: 'employees' }).nullable()
  },
}) {
  static hired = 'yes'
  greet() {
    return `hi ${this.name}`
  }
}

class Manager extends subclass(
  Employee,
  {
    level: integer(),
    get reports() {
      return oneToMany(() => Engineer, { backPopulates: 'manager' })
    },
  },
  { discriminator: 'manager', indexes: [['level']] },
) {}

class Engineer extends subclass(
  Employee,
  {
    language: text().nullable(),
    managerId: integer().nullable().references('employees.id'),
    get manager() {
      return manyToOne(() => Manager, { foreignKey: 'managerId', backPopulates: 'reports' }).nullable()
    },
  },
  { discriminator: 'engineer', table: 'engineers' },
) {}

class Architect extends subclass(Engineer, { rank: integer() }, { discriminator: 'architect', table: 'architects' }) {}

/** Properties, methods and statics of every class above. */
export async function uses(architect: Architect): Promise<void> {
  const employee: Employee = architect
  const engineer: Engineer = architect
  const text: string = employee.greet() + engineer.greet() + Manager.hired
  yes<Same<typeof architect.rank, number>>()
  yes<Same<typeof architect.language, string | null>>()
  yes<Same<typeof architect.kind, 'employee' | 'manager' | 'engineer' | 'architect'>>()
  yes<Same<typeof architect.manager, ToOne<Manager | null>>>()
  const manager = await architect.manager
  const reports: readonly Engineer[] = (await manager?.reports) ?? []
  const company: Company | null = await architect.company
  const plain = architect.toObject()
  console.log(text, reports, company, plain.rank, plain.language, plain.name)
}

/** Constructors take what the classes above need too; what tells the class is given by itself. */
export function makes(): void {
  new Employee({ name: 'bob' })
  new Manager({ name: 'ann', level: 3 })
  new Architect({ name: 'dot', rank: 1 })
  new Architect({ name: 'dot', rank: 1, language: 'ts', manager: new Manager({ name: 'ann', level: 3 }) })
  // @ts-expect-error the name of the class above is needed
  new Manager({ level: 3 })
  // @ts-expect-error its own column is needed too
  new Architect({ name: 'dot' })
  // @ts-expect-error the class gives it
  new Manager({ name: 'ann', level: 3, kind: 'manager' })
  // @ts-expect-error a column of a sibling
  new Manager({ name: 'ann', level: 3, language: 'c' })
}

/** Queries name inherited and own columns, and give the class that was asked for. */
export async function asks(): Promise<void> {
  const architects: Architect[] = await session.query(Architect).where('name', '=', 'a').where('rank', '>', 1).all()
  const employees: Employee[] = await session.query(Employee).where('kind', 'in', ['manager', 'engineer']).all()
  const engineers = await session
    .query(Engineer)
    .with('manager', 'company')
    .filterBy({ language: null, name: 'x' })
    .all()
  const level: number | undefined = engineers[0]?.manager?.level
  const found: Manager | null = await session.get(Manager, 1)
  const held: Engineer | undefined = session.identityMap.get(Engineer, 1)
  console.log(architects, employees, level, found, held)
  for (const one of employees) if (one instanceof Manager) console.log(one.level)
  // @ts-expect-error a column of a subclass
  session.query(Employee).where('level', '=', 1)
  // @ts-expect-error a column of a sibling
  session.query(Manager).where('language', '=', 'c')
  // @ts-expect-error no value of the column that tells the classes
  subclass(Employee, {}, { discriminator: 'pilot' })
  // @ts-expect-error no column of the subclass
  subclass(Employee, { a: integer() }, { discriminator: 'manager', indexes: [['b']] })
  // @ts-expect-error no entity
  subclass(class {}, {}, { discriminator: 'manager' })
}

/** An abstract class cannot be made, and can be asked for. */
abstract class Shape extends entity('shapes', { id: integer().primaryKey(), type: varchar(10).discriminator() }) {
  abstract area(): number
}
class Square extends subclass(Shape, { side: integer() }, { discriminator: 'square' }) {
  override area(): number {
    return this.side ** 2
  }
}
export async function shapes(): Promise<number[]> {
  // @ts-expect-error abstract
  new Shape()
  new Square({ side: 3 })
  return (await session.query(Shape).all()).map((shape) => shape.area())
}
