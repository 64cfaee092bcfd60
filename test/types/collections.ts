import {
  entity,
  integer,
  type Loaded,
  type LoadedMap,
  type LoadedSet,
  manyToMany,
  manyToOne,
  oneToMany,
  type Session,
  type ToMany,
  type ToManyKeyed,
  type ToManyUnordered,
  text,
  timestamp,
} from '../../src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_True extends true>(): void {}

class Person extends entity('people', {
  id: integer().primaryKey(),
  name: text(),
  get notes() {
    return oneToMany(() => Note, { backPopulates: 'person', collection: { keyedBy: 'title' } })
  },
  get visits() {
    return oneToMany(() => Visit, { collection: { keyedBy: (visit: Visit) => visit.day.getTime() } })
  },
  get badges() {
    return manyToMany(() => Badge, { through: 'people_badges', backPopulates: 'people', collection: 'set' })
  },
  get plain() {
    return oneToMany(() => Note)
  },
  get named() {
    return oneToMany(() => Note, { collection: 'array' })
  },
}) {}
class Note extends entity('notes', {
  id: integer().primaryKey(),
  title: text(),
  personId: integer().references('people.id'),
  get person() {
    return manyToOne(() => Person, { backPopulates: 'notes' })
  },
}) {}
class Visit extends entity('visits', {
  id: integer().primaryKey(),
  day: timestamp(),
  personId: integer().references('people.id'),
}) {}
class Badge extends entity('badges', {
  id: integer().primaryKey(),
  name: text(),
  get people() {
    return manyToMany(() => Person, { through: 'people_badges', backPopulates: 'badges' })
  },
}) {}

export async function properties(person: Person): Promise<void> {
  holds<Equal<Person['notes'], ToManyKeyed<string, Note>>>()
  holds<Equal<Person['visits'], ToManyKeyed<number, Visit>>>()
  holds<Equal<Person['badges'], ToManyUnordered<Badge>>>()
  holds<Equal<Person['plain'], ToMany<Note>>>()
  holds<Equal<Person['named'], ToMany<Note>>>()

  const notes = await person.notes
  holds<Equal<typeof notes, LoadedMap<string, Note>>>()
  holds<Equal<ReturnType<typeof notes.get>, Note | undefined>>()
  const badges = await person.badges
  holds<Equal<typeof badges, LoadedSet<Badge>>>()

  // Changing needs no loading, reading does.
  person.notes.add(new Note({ title: 'a' }))
  person.badges.remove(...badges)
  // @ts-expect-error an unloaded map has no get
  person.notes.get('a')
  // @ts-expect-error an unloaded set cannot be iterated
  for (const _badge of person.badges) break
  // @ts-expect-error keys are those of the column
  notes.get(5)
  // @ts-expect-error members go in by add()
  notes.set('a', new Note({ title: 'a' }))
  // @ts-expect-error members are of the target
  person.badges.add(new Note({ title: 'a' }))
  if (person.notes.isLoaded) person.notes.get('a')?.title.trim()
}

export async function loaded(session: Session): Promise<void> {
  const person = await session.query(Person).with('notes.person', 'badges.people', 'visits').one()
  const note = person.notes.get('a')
  if (note !== undefined) holds<Equal<(typeof note.person)['name'], string>>()
  for (const badge of person.badges.values()) badge.people.map(({ name }) => name)
  for (const [time, visit] of person.visits.entries()) visit.day.setTime(time)
  first(person)
}

function first(person: Loaded<Person, 'badges'>): Badge | undefined {
  return person.badges.values().next().value
}

new Person({ name: 'p', notes: [new Note({ title: 'a' })], badges: new Set([new Badge({ name: 'x' })]) })
new Person({ name: 'p', notes: new Map([['a', new Note({ title: 'a' })]]), badges: [] })
// @ts-expect-error the keys of a map are those of the members
new Person({ name: 'p', notes: new Map([[5, new Note({ title: 'a' })]]) })
// @ts-expect-error there is no such shape
oneToMany(() => Note, { collection: 'bag' })
// @ts-expect-error there is no such option
oneToMany(() => Note, { collection: { keyBy: 'title' } })
