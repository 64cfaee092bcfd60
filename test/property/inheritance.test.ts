import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sql } from '../../src/index.ts'
import { Architect, Employee, Engineer, Manager, openStaff, Tester } from '../behaviour/staff.ts'
import { onEvery } from '../support/index.ts'

/** What the model knows of a row, whatever its class. */
interface Row {
  readonly kind: number
  name: string
  own: number
}

/** The classes, how one is made, and the column of its own that is changed. */
const CLASSES = [
  { of: Employee, make: (name: string) => new Employee({ name }), own: undefined },
  { of: Manager, make: (name: string, own: number) => new Manager({ name, level: own }), own: 'level' },
  { of: Engineer, make: (name: string) => new Engineer({ name, language: 'c' }), own: undefined },
  {
    of: Architect,
    make: (name: string, own: number) => new Architect({ name, language: 'c', rank: own }),
    own: 'rank',
  },
  { of: Tester, make: (name: string, own: number) => new Tester({ name, language: 'c', tools: own }), own: 'tools' },
] as const

const operation = fc.oneof(
  fc.record({ op: fc.constant('add' as const), kind: fc.nat(CLASSES.length - 1), own: fc.nat(9) }),
  fc.record({ op: fc.constant('rename' as const), at: fc.nat(20), name: fc.constantFrom('x', 'y', 'z') }),
  fc.record({ op: fc.constant('change' as const), at: fc.nat(20), own: fc.nat(9) }),
  fc.record({ op: fc.constant('delete' as const), at: fc.nat(20) }),
  fc.record({ op: fc.constantFrom('flush' as const, 'commit' as const, 'rollback' as const, 'forget' as const) }),
)

function asText({ kind, name, own }: Row): string {
  const { of, own: property } = CLASSES[kind] as (typeof CLASSES)[number]
  return `${of.name} ${name} ${property === undefined ? '' : own}`
}

function told(one: Employee): string {
  const property = CLASSES.find(({ of }) => of === one.constructor)?.own
  return `${one.constructor.name} ${one.name} ${property === undefined ? '' : (one as never)[property]}`
}

onEvery({}, (db) => {
  it('any operations on rows of a family leave what a model of them says, by every class, and a rollback is identity', async () => {
    const { Sessions } = await openStaff(db)
    const runs = db.name.includes('sqlite') ? 40 : 6
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        await using session = Sessions()
        await session.query(Employee).delete()
        await session.commit()
        let stored = new Map<Employee, Row>()
        let rows = new Map<Employee, Row>()
        const copy = (from: Map<Employee, Row>) => new Map([...from].map(([one, row]) => [one, { ...row }]))
        for (const step of operations) {
          const chosen = 'at' in step ? [...rows][step.at % Math.max(rows.size, 1)] : undefined
          if (step.op === 'add') {
            const one = CLASSES[step.kind]?.make('new', step.own) as Employee
            session.add(one)
            rows.set(one, { kind: step.kind, name: 'new', own: step.own })
          } else if (step.op === 'rename' && chosen !== undefined) {
            chosen[0].name = step.name
            chosen[1].name = step.name
          } else if (step.op === 'change' && chosen !== undefined) {
            const own = CLASSES[chosen[1].kind]?.own
            if (own !== undefined) Object.assign(chosen[0], { [own]: step.own })
            chosen[1].own = step.own
          } else if (step.op === 'delete' && chosen !== undefined) {
            await session.flush()
            session.delete(chosen[0])
            rows.delete(chosen[0])
          } else if (step.op === 'flush') {
            await session.flush()
          } else if (step.op === 'commit') {
            await session.commit()
            stored = copy(rows)
          } else if (step.op === 'rollback') {
            await session.rollback()
            rows = copy(stored)
          } else if (step.op === 'forget') {
            await session.flush()
            session.expireAll()
            expect((await session.query(Employee).all()).length).toBe(rows.size)
          }
        }
        await session.commit()
        await using fresh = Sessions()
        for (const { of } of CLASSES) {
          const wanted = [...rows.keys()].flatMap((one) => (one instanceof of ? (rows.get(one) as Row) : []))
          const found = (await fresh.query(of as typeof Employee).all()).map(told)
          expect(found.sort(), of.name).toEqual(wanted.map(asText).sort())
        }
        const [joined] = await fresh.scalars(sql`select count(*) from engineers`)
        expect(Number(joined)).toBe([...rows.values()].filter(({ kind }) => kind >= 2).length)
      }),
      { numRuns: runs },
    )
  })
})
