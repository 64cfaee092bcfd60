// Compiled, never run: what each kind of column makes of properties and of constructor values.
import {
  bigint,
  boolean,
  bytes,
  type Column,
  type ColumnNames,
  type ColumnsOf,
  custom,
  date,
  decimal,
  type EntityFunction,
  enumeration,
  type Instance,
  integer,
  json,
  type KeyOf,
  manyToOne,
  real,
  text,
  timestamp,
  uuid,
  type Values,
  varchar,
} from '../../src/mapping/index.ts'

declare const entity: EntityFunction
declare const now: { toOperationNode(): object }

type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false
type Flat<T> = { [Name in keyof T]: T[Name] }
const holds = <Claim extends true>(claim?: Claim) => claim

class Money {
  private readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
  toNumber(): number {
    return this.cents
  }
}
const money = () =>
  custom({
    storage: bigint(),
    toDatabase: (value: Money) => BigInt(value.toNumber()),
    fromDatabase: (stored) => new Money(Number(stored)),
    equals: (a, b) => a.toNumber() === b.toNumber(),
  })

const definition = {
  id: integer().primaryKey(),
  name: text(),
  code: varchar(8).unique(),
  active: boolean().default(true),
  createdAt: timestamp().default(() => new Date()),
  updatedAt: timestamp()
    .serverDefault(now)
    .onUpdate(() => new Date()),
  price: decimal(),
  large: bigint().nullable(),
  ratio: real(),
  settings: json<{ theme: 'dark' | 'light' }>().default({ theme: 'dark' }),
  token: uuid(),
  picture: bytes().nullable(),
  status: enumeration('open', 'closed').default('open'),
  size: enumeration(['s', 'm']),
  born: date(),
  balance: money(),
  rev: integer().version(),
  ownerId: integer().nullable().references('things.id', { onDelete: 'set null' }).named('owner'),
  get owner() {
    return manyToOne(() => Thing, { foreignKey: 'ownerId' }).nullable()
  },
}
export class Thing extends entity('things', definition) {
  describe(): string {
    return this.status
  }
}

interface ThingColumns {
  id: number
  name: string
  code: string
  active: boolean
  createdAt: Date
  updatedAt: Date
  price: string
  large: bigint | null
  ratio: number
  settings: { theme: 'dark' | 'light' }
  token: string
  picture: Uint8Array | null
  status: 'open' | 'closed'
  size: 's' | 'm'
  born: string
  balance: Money
  rev: number
  ownerId: number | null
}
holds<Same<Flat<ColumnsOf<Thing>>, Flat<ThingColumns>>>()
holds<Same<ColumnNames<Thing>, keyof ThingColumns>>()
holds<Same<Flat<Pick<Instance<typeof definition>, keyof ThingColumns>>, Flat<ThingColumns>>>()

type Required = 'name' | 'code' | 'price' | 'ratio' | 'token' | 'size' | 'born' | 'balance'
type RequiredOf<T> = { [Name in keyof T]-?: Record<string, never> extends Pick<T, Name> ? never : Name }[keyof T]
holds<Same<RequiredOf<Values<typeof definition>>, Required>>()

// ------------------------------------------------------------------------------------------------------ keys

class Tag extends entity('tags', { name: text().primaryKey(), color: text().nullable() }) {}
class Membership extends entity('memberships', {
  userId: integer().primaryKey().references('users.id'),
  team: text().primaryKey(),
  since: date(),
}) {}
class Pair extends entity('pairs', { left: integer().primaryKey(), right: integer().primaryKey() }) {}
class Manual extends entity('manuals', { id: integer().primaryKey().autoincrement(false) }) {}
class Defaulted extends entity('defaulted', {
  id: uuid()
    .primaryKey()
    .default(() => crypto.randomUUID()),
}) {}

holds<Same<KeyOf<Thing>, number>>()
holds<Same<KeyOf<Tag>, string>>()
const asObject: KeyOf<Membership> = { userId: 1, team: 'a' }
const asTuple: KeyOf<Membership> = [1, 'a']
// @ts-expect-error both parts are needed
const halfObject: KeyOf<Membership> = { userId: 1 }
// @ts-expect-error both parts are needed
const halfTuple: KeyOf<Membership> = [1]
// @ts-expect-error no part is boolean
const wrongTuple: KeyOf<Membership> = [1, true]
// @ts-expect-error a number is half a key
const scalar: KeyOf<Membership> = 1
// @ts-expect-error a key is no string
const wrongKey: KeyOf<Thing> = '1'
export const keys = [asObject, asTuple, halfObject, halfTuple, wrongTuple, scalar, wrongKey]

// @ts-expect-error a text key is not numbered
new Tag({})
// @ts-expect-error the parts of a composite key are not numbered
new Pair({})
// @ts-expect-error the program gives this key
new Manual({})
export const made = [new Tag({ name: 'x' }), new Pair({ left: 1, right: 2 }), new Manual({ id: 1 }), new Defaulted()]

// ----------------------------------------------------------------------------------- below the mapped class

class Special extends Thing {
  extra = 1
}
holds<Same<ColumnNames<Special>, ColumnNames<Thing>>>()
holds<Same<KeyOf<Special>, number>>()

// ---------------------------------------------------------------------------------------- what is not allowed

// @ts-expect-error a default has the column's type
integer().default('1')
// @ts-expect-error null needs nullable()
text().default(null)
text().nullable().default(null)
// @ts-expect-error not one of the values
enumeration('open', 'closed').default('opne')
// @ts-expect-error a version counts
text().version()
// @ts-expect-error a version is never null
integer().nullable().version()
// @ts-expect-error the length is missing
varchar()
// @ts-expect-error a reference names a column too
integer().references('users')
// @ts-expect-error there is no such action
integer().references('users.id', { onDelete: 'explode' })
custom({
  storage: bigint(),
  // @ts-expect-error the storage is of bigint
  toDatabase: (value: Money) => value.toNumber(),
  fromDatabase: (stored: bigint) => new Money(Number(stored)),
})
// @ts-expect-error an expression of SQL, not a text
timestamp().serverDefault('now()')

const column: Column<number, 'key' | 'numbered'> = integer().primaryKey()
// @ts-expect-error a nullable column is not a plain one
const notNull: Column<string> = text().nullable()
export const kept = [column, notNull]
