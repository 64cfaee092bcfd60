import fc from 'fast-check'
import { expect } from 'vitest'
import { entity, integer, manyToMany, manyToOne, oneToMany, type ToMany, varchar } from '../../src/index.ts'

/** Refers to others of its kind, and in a circle to houses. */
export class Person extends entity('persons', {
  id: integer().primaryKey(),
  name: varchar(20),
  bossId: integer().nullable().references('persons.id'),
  homeId: integer().nullable().references('houses.id'),
  get boss() {
    return manyToOne(() => Person, { foreignKey: 'bossId', backPopulates: 'reports' }).nullable()
  },
  get reports() {
    return oneToMany(() => Person, { foreignKey: 'bossId', backPopulates: 'boss' })
  },
  get home() {
    return manyToOne(() => House, { foreignKey: 'homeId', backPopulates: 'occupants' }).nullable()
  },
  get owned() {
    return oneToMany(() => House, { foreignKey: 'ownerId', backPopulates: 'owner' })
  },
  get clubs() {
    return manyToMany(() => Club, { through: 'club_members', backPopulates: 'members', collection: 'set' })
  },
}) {}

export class House extends entity('houses', {
  id: integer().primaryKey(),
  name: varchar(20),
  ownerId: integer().nullable().references('persons.id'),
  get owner() {
    return manyToOne(() => Person, { foreignKey: 'ownerId', backPopulates: 'owned' }).nullable()
  },
  get occupants() {
    return oneToMany(() => Person, { foreignKey: 'homeId', backPopulates: 'home', collection: { keyedBy: 'name' } })
  },
  get rooms() {
    return oneToMany(() => Room, { backPopulates: 'house', cascade: 'all, delete-orphan' })
  },
}) {}

/** Must have a house. */
export class Room extends entity('rooms', {
  id: integer().primaryKey(),
  name: varchar(20),
  houseId: integer().references('houses.id'),
  get house() {
    return manyToOne(() => House, { backPopulates: 'rooms' })
  },
}) {}

export class Club extends entity('clubs', {
  id: integer().primaryKey(),
  name: varchar(20),
  get members() {
    return manyToMany(() => Person, { through: 'club_members', backPopulates: 'clubs' })
  },
}) {}

export const worldEntities = [Person, House, Room, Club]

const verbs = [
  'new person',
  'new person with reports',
  'new house',
  'new room',
  'new club',
  'set boss',
  'add report',
  'clear boss',
  'set home',
  'add occupant',
  'clear home',
  'set owner',
  'clear owner',
  'move room',
  'remove room',
  'join',
  'leave',
  'delete person',
  'delete house',
  'delete club',
  'flush',
  'commit',
] as const

/** One act: what is done, and to which of the things that are there. */
export interface Act {
  readonly verb: (typeof verbs)[number]
  readonly a: number
  readonly b: number
}

export const acts = fc.array(fc.record({ verb: fc.constantFrom(...verbs), a: fc.nat(20), b: fc.nat(20) }), {
  minLength: 5,
  maxLength: 50,
})

/** Whoever keeps instances: a session, or a unit of work alone. */
export interface Keeper {
  add(instance: object): void
  delete(instance: object): void
  isStored(instance: object): boolean
  flush(): Promise<void>
  commit(): Promise<void>
}

interface Thing<Instance> {
  readonly instance: Instance
  readonly name: string
  gone: boolean
}

interface PersonThing extends Thing<Person> {
  boss: PersonThing | undefined
  home: HouseThing | undefined
}

interface HouseThing extends Thing<House> {
  owner: PersonThing | undefined
}

interface RoomThing extends Thing<Room> {
  house: HouseThing | undefined
}

interface ClubThing extends Thing<Club> {
  readonly members: Set<PersonThing>
}

/** A random graph, kept twice: as instances, and as a plain model that knows nothing of them. */
export class GraphWorld {
  readonly #keeper: Keeper
  readonly #persons: PersonThing[] = []
  readonly #houses: HouseThing[] = []
  readonly #rooms: RoomThing[] = []
  readonly #clubs: ClubThing[] = []
  #count = 0

  constructor(keeper: Keeper) {
    this.#keeper = keeper
  }

  async act({ verb, a, b }: Act): Promise<void> {
    const person = pick(this.#persons, a)
    const other = pick(this.#persons, b)
    const house = pick(this.#houses, verb === 'set owner' || verb === 'clear owner' || verb === 'delete house' ? a : b)
    const room = pick(this.#rooms, a)
    const club = pick(this.#clubs, b)
    switch (verb) {
      case 'new person':
        this.#newPerson()
        return
      case 'new person with reports': {
        const boss = this.#newPerson()
        for (const thing of [person, other]) if (thing !== undefined) this.#setBoss(thing, boss, 'collection')
        return
      }
      case 'new house':
        this.#houses.push(this.#thing(new House({ name: this.#name('h') }), { owner: undefined }))
        return
      case 'new room':
        if (house === undefined) return
        this.#rooms.push(this.#thing(new Room({ name: this.#name('r'), house: house.instance }), { house }))
        return
      case 'new club':
        this.#clubs.push(this.#thing(new Club({ name: this.#name('c') }), { members: new Set<PersonThing>() }))
        return
      case 'set boss':
      case 'add report':
        if (person !== undefined && other !== undefined)
          this.#setBoss(person, other, verb === 'set boss' ? 'one' : 'collection')
        return
      case 'clear boss':
        if (person !== undefined) this.#setBoss(person, undefined, 'one')
        return
      case 'set home':
      case 'add occupant':
        if (person === undefined || house === undefined) return
        if (verb === 'set home') person.instance.home = house.instance
        else house.instance.occupants.add(person.instance)
        person.home = house
        return
      case 'clear home':
        if (person === undefined) return
        person.instance.home = null
        person.home = undefined
        return
      case 'set owner':
      case 'clear owner':
        if (house === undefined || other === undefined) return
        house.instance.owner = verb === 'set owner' ? other.instance : null
        house.owner = verb === 'set owner' ? other : undefined
        return
      case 'move room':
        if (room === undefined || house === undefined) return
        house.instance.rooms.add(room.instance)
        room.house = house
        return
      case 'remove room':
        if (room?.house === undefined) return
        room.house.instance.rooms.remove(room.instance)
        room.gone = true
        return
      case 'join':
        if (person === undefined || club === undefined) return
        if (a % 2 === 0) club.instance.members.add(person.instance)
        else person.instance.clubs.add(club.instance)
        club.members.add(person)
        return
      case 'leave':
        if (person === undefined || club === undefined || !club.members.has(person)) return
        if (a % 2 === 0) club.instance.members.remove(person.instance)
        else person.instance.clubs.remove(club.instance)
        club.members.delete(person)
        return
      case 'delete person':
        this.#delete(person)
        return
      case 'delete house':
        this.#delete(house)
        return
      case 'delete club':
        this.#delete(club)
        return
      case 'flush':
      case 'commit':
        await this.#keeper[verb]()
        this.#settle()
    }
  }

  #newPerson(): PersonThing {
    const thing = this.#thing(new Person({ name: this.#name('p') }), { boss: undefined, home: undefined })
    this.#persons.push(thing)
    return thing
  }

  #thing<Instance extends object, More extends object>(instance: Instance, more: More) {
    this.#keeper.add(instance)
    const { name } = instance as { readonly name?: string }
    return { instance, name: String(name), gone: false, ...more }
  }

  #name(letter: string): string {
    return `${letter}${++this.#count}`
  }

  #setBoss(person: PersonThing, boss: PersonThing | undefined, side: 'one' | 'collection'): void {
    if (side === 'collection' && boss !== undefined) boss.instance.reports.add(person.instance)
    else person.instance.boss = boss?.instance ?? null
    person.boss = boss
  }

  /** Only what has a row can be deleted. */
  #delete(thing: Thing<object> | undefined): void {
    if (thing === undefined || !this.#keeper.isStored(thing.instance)) return
    this.#keeper.delete(thing.instance)
    thing.gone = true
  }

  /** What a flush does to those who refer to something that is gone. */
  #settle(): void {
    for (const person of this.#persons) {
      if (person.boss?.gone === true) person.boss = undefined
      if (person.home?.gone === true) person.home = undefined
    }
    for (const house of this.#houses) if (house.owner?.gone === true) house.owner = undefined
    for (const room of this.#rooms) if (room.house?.gone === true) room.gone = true
    for (const { members } of this.#clubs) for (const member of members) if (member.gone) members.delete(member)
  }

  /** Whether sets and maps that are loaded show what the instances themselves say. */
  checkShapes(): void {
    for (const { instance, gone } of this.#houses) {
      const { occupants } = instance
      if (gone || !occupants.isLoaded) continue
      expect([...occupants.keys()]).toEqual([...occupants.values()].map(({ name }) => name))
      for (const [name, person] of occupants) expect([occupants.get(name), person.home]).toEqual([person, instance])
      expect(occupants.size).toBe([...occupants].length)
    }
    for (const { instance, gone } of this.#clubs) {
      if (gone || !instance.members.isLoaded) continue
      for (const { clubs } of instance.members) expect(!clubs.isLoaded || clubs.has(instance)).toBe(true)
    }
    for (const { instance, gone } of this.#persons) {
      const { clubs, home } = instance
      if (gone) continue
      for (const club of clubs.isLoaded ? clubs : []) expect(hasLoaded(club.members, instance)).toBe(true)
      if (home instanceof House && home.occupants.isLoaded) expect(home.occupants.get(instance.name)).toBe(instance)
    }
  }

  /** What is to be stored, by names. */
  expected(): StoredGraph {
    const there = <T extends Thing<object>>(things: readonly T[]) => things.filter(({ gone }) => !gone)
    return sorted({
      persons: there(this.#persons).map(({ name, boss, home }) => [name, boss?.name ?? null, home?.name ?? null]),
      houses: there(this.#houses).map(({ name, owner }) => [name, owner?.name ?? null]),
      rooms: there(this.#rooms).map(({ name, house }) => [name, house?.name ?? null]),
      members: there(this.#clubs).flatMap(({ name, members }) => [...members].map((member) => [name, member.name])),
    })
  }
}

function hasLoaded(collection: ToMany<Person>, person: Person): boolean {
  return !collection.isLoaded || collection.includes(person)
}

function pick<T extends Thing<object>>(things: readonly T[], number: number): T | undefined {
  const there = things.filter(({ gone }) => !gone)
  return there[number % Math.max(1, there.length)]
}

type Names = (string | null)[]

export interface StoredGraph {
  readonly persons: Names[]
  readonly houses: Names[]
  readonly rooms: Names[]
  readonly members: Names[]
}

type StoredRow = Readonly<Record<string, unknown>>

/** The stored rows, told by names. */
export function namedGraph(
  rows: Readonly<Record<'persons' | 'houses' | 'rooms' | 'clubs' | 'pairs', readonly StoredRow[]>>,
): StoredGraph {
  const namesOf = (some: readonly StoredRow[]) => new Map(some.map((row) => [row['id'], String(row['name'])]))
  const [persons, houses, clubs] = [namesOf(rows.persons), namesOf(rows.houses), namesOf(rows.clubs)]
  const named = (names: ReadonlyMap<unknown, string>, id: unknown) =>
    id === null ? null : (names.get(id) ?? `? ${id}`)
  return sorted({
    persons: rows.persons.map((row) => [
      String(row['name']),
      named(persons, row['bossId']),
      named(houses, row['homeId']),
    ]),
    houses: rows.houses.map((row) => [String(row['name']), named(persons, row['ownerId'])]),
    rooms: rows.rooms.map((row) => [String(row['name']), named(houses, row['houseId'])]),
    members: rows.pairs.map((row) => [named(clubs, row['clubId']), named(persons, row['personId'])]),
  })
}

function sorted(graph: StoredGraph): StoredGraph {
  const byText = (a: Names, b: Names) => (String(a) < String(b) ? -1 : 1)
  const { persons, houses, rooms, members } = graph
  return {
    persons: persons.toSorted(byText),
    houses: houses.toSorted(byText),
    rooms: rooms.toSorted(byText),
    members: members.toSorted(byText),
  }
}
