import { entity, integer, manyToMany, manyToOne, oneToMany, oneToOne, type ToMany, text } from '../../src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_True extends true>(): void {}

// Two entities whose conditions name each other do not keep each other's types from being known.
class Owner extends entity('owners', {
  id: integer().primaryKey(),
  city: text(),
  get open() {
    return oneToMany(() => Door, { where: (eb) => eb('state', '=', 'open') })
  },
  get near() {
    return oneToMany(() => Door, { viewOnly: true, on: (eb) => eb('target.city', '=', eb.ref('source.city')) })
  },
  get last() {
    return oneToOne(() => Door, {
      viewOnly: true,
      on: (eb) =>
        eb.and([
          eb('target.ownerId', '=', eb.ref('source.id')),
          eb(
            'target.id',
            '=',
            eb.selectFrom('doors as d').select((d) => d.fn.max('d.id').as('last')),
          ),
        ]),
    })
  },
  get shared() {
    return manyToMany(() => Door, { through: 'owners_doors', where: (eb) => eb('state', 'in', ['open', 'ajar']) })
  },
}) {}
class Door extends entity('doors', {
  id: integer().primaryKey(),
  state: text(),
  city: text(),
  ownerId: integer().references('owners.id'),
  get owner() {
    return manyToOne(() => Owner, { viewOnly: true, on: (eb) => eb('target.city', '=', eb.ref('source.city')) })
  },
}) {}

holds<Equal<Owner['open'], ToMany<Door>>>()
holds<Equal<Owner['near'], ToMany<Door>>>()
holds<Equal<Awaited<Owner['last']>, Door | null>>()
holds<Equal<Awaited<Door['owner']>, Owner>>()

// @ts-expect-error a condition is an expression
oneToMany(() => Door, { where: (eb) => eb.val(5) })
// @ts-expect-error where sees the related entity alone
oneToMany(() => Door, { where: (eb) => eb('source.city', '=', 'x') })
// @ts-expect-error a relation through pairs has no condition instead of them
manyToMany(() => Door, { through: 'owners_doors', on: (eb) => eb('target.city', '=', 'x') })
