import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ArgumentError,
  createAll,
  createEngine,
  entity,
  InvalidRequestError,
  integer,
  MappingError,
  manyToMany,
  manyToOne,
  oneToMany,
  selectin,
  sql,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openRelated } from './related-entities.ts'

/** Notes by title, badges as a set, visits by a key that a function makes, friends by name and as a set from the other side. */
class Person extends entity('shape_people', {
  id: integer().primaryKey(),
  name: varchar(50),
  get notes() {
    return oneToMany(() => Note, {
      backPopulates: 'person',
      cascade: 'all, delete-orphan',
      collection: { keyedBy: 'title' },
      orderBy: 'id',
    })
  },
  get badges() {
    return manyToMany(() => Badge, {
      through: 'shape_people_badges',
      backPopulates: 'people',
      collection: 'set',
      orderBy: 'id',
    })
  },
  get visits() {
    return oneToMany(() => Visit, {
      backPopulates: 'person',
      collection: { keyedBy: (visit: Visit) => visit.day?.toISOString().slice(0, 10) },
    })
  },
}) {}

class Note extends entity('shape_notes', {
  id: integer().primaryKey(),
  title: varchar(50),
  personId: integer().nullable().references('shape_people.id'),
  get person() {
    return manyToOne(() => Person, { backPopulates: 'notes' }).nullable()
  },
}) {}

class Badge extends entity('shape_badges', {
  id: integer().primaryKey(),
  name: varchar(50),
  get people() {
    return manyToMany(() => Person, {
      through: 'shape_people_badges',
      backPopulates: 'badges',
      collection: { keyedBy: 'name' },
    })
  },
}) {}

class Visit extends entity('shape_visits', {
  id: integer().primaryKey(),
  day: timestamp().nullable(),
  personId: integer().nullable().references('shape_people.id'),
  get person() {
    return manyToOne(() => Person, { backPopulates: 'visits' }).nullable()
  },
}) {}

const entities = [Person, Note, Badge, Visit]

/** Ann with two notes and two badges, stored; read anew in a session. */
async function stored(db: Parameters<typeof openRelated>[0]) {
  const { Sessions, statements } = await openRelated(db, { entities })
  const session = Sessions()
  onTestFinished(() => session.close())
  const [gold, silver] = [new Badge({ name: 'gold' }), new Badge({ name: 'silver' })]
  session.addAll([
    new Person({ name: 'ann', notes: [new Note({ title: 'a' }), new Note({ title: 'b' })], badges: [gold, silver] }),
    new Person({ name: 'bob', notes: [new Note({ title: 'c' })], badges: [gold] }),
  ])
  await session.commit()
  session.expungeAll()
  statements.clear()
  return { Sessions, session, statements }
}

onEvery({}, (db) => {
  describe('a collection that is a map', () => {
    it('is read by key, loaded for all siblings in one statement, and is a real Map', async () => {
      const { session, statements } = await stored(db)
      const [ann, bob] = (await session.query(Person).orderBy('name').all()) as [Person, Person]
      statements.clear()
      const notes = await ann.notes
      expect((await bob.notes).size).toBe(1)
      expect(statements.count).toBe(1)
      expect(notes.get('a')?.title).toBe('a')
      expect([notes.has('b'), notes.has('c'), notes.size]).toEqual([true, false, 2])
      expect([...notes.keys()]).toEqual(['a', 'b'])
      expect([...notes.values()].map(({ title }) => title)).toEqual(['a', 'b'])
      expect([...notes].map(([key, note]) => [key, note.title])).toEqual([
        ['a', 'a'],
        ['b', 'b'],
      ])
      const seen: string[] = []
      notes.forEach((note, key, map) => {
        seen.push(`${key} ${note.title} ${map === notes}`)
      })
      expect(seen).toEqual(['a a true', 'b b true'])
      expect(notes).toBeInstanceOf(Map)
      expect(ann.notes).toBe(notes)
      expect([notes.isLoaded, bob.notes.isLoaded]).toEqual([true, true])
    })

    it('takes and loses members, with the other side, cascades and orphans', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const [a, b] = [ann.notes.get('a') as Note, ann.notes.get('b') as Note]
      const c = new Note({ title: 'c' })
      ann.notes.add(c)
      ann.notes.remove(a)
      expect([c.person, a.person]).toEqual([ann, null])
      expect([...ann.notes.keys()]).toEqual(['b', 'c'])
      b.person = null
      expect([...ann.notes.keys()]).toEqual(['c'])
      new Note({ title: 'd', person: ann })
      expect([...ann.notes.keys()]).toEqual(['c', 'd'])
      session.add(ann.notes.get('d') as Note)
      await session.commit()
      const titles = (await session.query(Note).orderBy('title').all()).map(({ title }) => title)
      expect(titles).toEqual(['c', 'c', 'd'])
    })

    it('changes without being loaded, and has what was added once it is', async () => {
      const { session, statements } = await stored(db)
      const ann = await session.query(Person).filterBy({ name: 'ann' }).one()
      statements.clear()
      ann.notes.add(new Note({ title: 'new' }))
      expect([ann.notes.isLoaded, statements.count]).toEqual([false, 0])
      expect([...(await ann.notes).keys()]).toEqual(['a', 'b', 'new'])
    })

    it('finds a member by the key that it has now', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const a = ann.notes.get('a') as Note
      a.title = 'z'
      expect([ann.notes.has('a'), ann.notes.get('z') === a]).toEqual([false, true])
      expect([...ann.notes.keys()]).toEqual(['z', 'b'])
      ann.notes.remove(a)
      expect([...ann.notes.keys()]).toEqual(['b'])
      await session.rollback()
      expect([...(await ann.notes).keys()]).toEqual(['a', 'b'])
    })

    it('refuses a second member of the same key, from either side, and changes nothing', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const second = new Note({ title: 'a' })
      expect(() => ann.notes.add(second)).toThrow(
        new InvalidRequestError(
          `Adding Note (new) to Person#${ann.id}.notes: Note#${ann.notes.get('a')?.id} has the title "a" there already; remove that one ` +
            'first, or give the other another title.',
        ),
      )
      expect(() => {
        second.person = ann
      }).toThrow(InvalidRequestError)
      expect([ann.notes.size, second.person, session.new.size]).toEqual([2, null, 0])
      expect(() => {
        Object.assign(ann, { notes: [new Note({ title: 'x' }), new Note({ title: 'x' })] })
      }).toThrow(/has the title "x" there already/)
      expect([...ann.notes.keys()]).toEqual(['a', 'b'])
    })

    it('says which members share a key when they came to it later', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const [a, b] = [...ann.notes.values()] as [Note, Note]
      b.title = 'a'
      expect(() => ann.notes.get('b')).toThrow(
        `Reading Person#${ann.id}.notes by key: Note#${a.id} and Note#${b.id} both have the title "a"; change or remove one of them.`,
      )
      expect([...ann.notes.values()]).toEqual([a, b])
      expect(inspect(ann.notes)).toContain("title: 'a'")
      b.title = 'b'
      expect(ann.notes.get('b')).toBe(b)
    })

    it('needs the key of a member when it is read by key, and not before', async () => {
      const person = new Person({ name: 'eve' })
      // The key comes after the relation, as the properties of a constructor may.
      const note = new Note({ person, title: 'late' })
      expect((await person.notes).get('late')).toBe(note)
      const visit = new Visit({ person })
      const visits = await person.visits
      expect(() => visits.get('2026-01-01')).toThrow('Reading Person (new).visits by key: Visit (new) has no key yet')
      expect([visits.size, [...visits.values()]]).toEqual([1, [visit]])
      visit.day = new Date('2026-01-01T10:00:00Z')
      expect(visits.get('2026-01-01')).toBe(visit)
    })

    it('keeps a member that is expired under the key it had', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const a = ann.notes.get('a') as Note
      const { id } = a
      session.expire(a)
      expect(ann.notes.get('a')).toBe(a)
      await session.execute(sql`update shape_notes set title = 'q' where id = ${id}`)
      await session.refresh(a)
      expect([...ann.notes.keys()]).toEqual(['q', 'b'])
    })

    it('is replaced by an array or by a map whose keys are right', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const [x, y] = [new Note({ title: 'x' }), new Note({ title: 'y' })]
      const before = ann.notes
      Object.assign(ann, { notes: new Map([['x', x]]) })
      expect([ann.notes === before, [...ann.notes.keys()]]).toEqual([true, ['x']])
      expect(() => Object.assign(ann, { notes: new Map([['x', y]]) })).toThrow(ArgumentError)
      Object.assign(ann, { notes: [y, x] })
      expect([...ann.notes.keys()].sort()).toEqual(['x', 'y'])
      await session.commit()
      expect(await session.query(Note).count()).toBe(3)
    })

    it('is merged by identity, new members added and lost ones let go', async () => {
      const { session, Sessions } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const a = ann.notes.get('a') as Note
      ann.notes.add(new Note({ title: 'new' }))
      ann.notes.remove(ann.notes.get('b') as Note)
      a.title = 'changed'
      await session.close()
      await Sessions.begin(async (other) => {
        const merged = await other.merge(ann)
        expect([...(await merged.notes).keys()]).toEqual(['changed', 'new'])
      })
      expect((await session.query(Note).orderBy('id').all()).map(({ title }) => title)).toEqual(['changed', 'c', 'new'])
    })

    it('can be a real Map to code that knows no better, which goes the same way', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes').filterBy({ name: 'ann' }).one()
      const map = ann.notes as unknown as Map<string, Note>
      expect(() => map.set('x', new Note({ title: 'y' }))).toThrow(/own title is y/)
      const x = new Note({ title: 'x' })
      map.set('x', x)
      expect([x.person, map.delete('a'), map.delete('nobody')]).toEqual([ann, true, false])
      map.clear()
      expect([map.size, x.person]).toEqual([0, null])
      await session.commit()
      expect(await session.query(Note).count()).toBe(1)
    })

    it('is a map in toObject() and an object in JSON', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('notes', 'badges').filterBy({ name: 'ann' }).one()
      const plain = structuredClone(ann.toObject()) as Record<string, unknown>
      expect((plain.notes as Map<string, object>).get('a')).toMatchObject({ title: 'a' })
      expect(plain.badges).toBeInstanceOf(Set)
      const json = JSON.parse(JSON.stringify(ann))
      expect(Object.keys(json.notes)).toEqual(['a', 'b'])
      expect(json.badges.map(({ name }: { name: string }) => name)).toEqual(['gold', 'silver'])
      expect(inspect(ann, { depth: 3 })).toMatch(/notes: Map\(2\) {[\s\S]*badges: Set\(2\) {/)
    })
  })

  describe('a collection that is a set', () => {
    it('is read, changed and written like any other, from both sides', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('badges.people').filterBy({ name: 'ann' }).one()
      const [gold, silver] = [...ann.badges] as [Badge, Badge]
      const people = await gold.people
      expect([ann.badges.size, ann.badges.has(gold), people.get('ann') === ann]).toEqual([2, true, true])
      expect([...ann.badges].map((badge) => badge.people.size)).toEqual([2, 1])
      ann.badges.remove(gold)
      expect([...people.keys()]).toEqual(['bob'])
      const bob = people.get('bob') as Person
      silver.people.add(bob)
      await session.commit()
      session.expungeAll()
      const all = await session.query(Person).with('badges').orderBy('name').all()
      expect(all.map(({ badges }) => [...badges].map(({ name }) => name))).toEqual([['silver'], ['gold', 'silver']])
    })

    it('is a Set to code that knows no better, which goes the same way', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('badges').filterBy({ name: 'ann' }).one()
      const set = ann.badges as unknown as Set<Badge>
      const [gold] = [...set] as [Badge]
      expect([set.delete(gold), set.delete(gold), set.size, set instanceof Set]).toEqual([true, false, 1, true])
      set.clear()
      await session.commit()
      expect([(await ann.badges).size, (await gold.people).size]).toEqual([0, 1])
    })

    it('is as it was after a rollback, in the same set, and after that of a savepoint', async () => {
      const { session } = await stored(db)
      const ann = await session.query(Person).with('badges', 'notes').filterBy({ name: 'ann' }).one()
      const [badges, notes] = [ann.badges, ann.notes]
      const [gold] = [...badges] as [Badge]
      await session
        .beginNested(async () => {
          badges.remove(gold)
          badges.add(new Badge({ name: 'iron' }))
          notes.add(new Note({ title: 'n' }))
          await session.flush()
          throw new Error('undo')
        })
        .catch(() => {})
      expect([...badges].map(({ name }) => name).sort()).toEqual(['gold', 'silver'])
      expect([...notes.keys()]).toEqual(['a', 'b'])
      expect([ann.badges === badges, badges.has(gold)]).toEqual([true, true])
    })

    it('of which a part is loaded is not taken for whole', async () => {
      const { session } = await stored(db)
      const ann = await session
        .query(Person)
        .where('name', '=', 'ann')
        .options(selectin('badges', { limit: 1 }), selectin('notes', { limit: 1 }))
        .one()
      expect([ann.badges.size, ann.notes.size]).toEqual([1, 1])
      expect(() => Object.assign(ann, { badges: [] })).toThrow(/only a part of the collection is loaded/)
      await session.query(Person).with('badges').with('notes').where('name', '=', 'ann').one()
      expect([ann.badges.size, ann.notes.size]).toEqual([2, 2])
    })

    it('of a new instance takes any iterable', async () => {
      const { Sessions } = await openRelated(db, { entities })
      await Sessions.begin(async (session) => {
        const badges = new Set([new Badge({ name: 'x' })])
        const notes = new Map([['n', new Note({ title: 'n' })]])
        session.add(new Person({ name: 'p', badges, notes, visits: [] }))
      })
      const session = Sessions()
      const [person] = await session.query(Person).with('badges', 'notes').all()
      expect([person?.badges.size, person?.notes.get('n')?.title]).toEqual([1, 'n'])
      expect(() => new Person({ name: 'p', badges: 5 as never })).toThrow(ArgumentError)
      await session.close()
    })
  })
})

it('a key that is no column of the members, or cannot be looked up, is a MappingError', async () => {
  const engine = createEngine('sqlite://')
  const declare = (keyedBy: string) => {
    class Shelf extends entity('shelves', {
      id: integer().primaryKey(),
      get books() {
        return oneToMany(() => Book, { collection: { keyedBy } })
      },
    }) {}
    class Book extends entity('books', {
      id: integer().primaryKey(),
      title: varchar(50),
      printed: timestamp(),
      shelfId: integer().references('shelves.id'),
    }) {}
    return createAll(engine, [Shelf, Book])
  }
  await expect(declare('titel')).rejects.toThrow(
    "Shelf.books: keyedBy 'titel' is no column of Book; did you mean 'title'? A function makes keys of anything else",
  )
  await expect(declare('printed')).rejects.toThrow(
    'two equal values of the column are not the same to a Map (timestamp())',
  )
  expect(() => oneToMany(() => Note, { collection: 'bag' as never })).toThrow(MappingError)
  expect(() => oneToMany(() => Note, { collection: { keyedBy: '' } })).toThrow(
    "oneToMany(…): collection must be 'array', 'set', 'writeOnly', or a key such as { keyedBy: 'name' }",
  )
  await engine.dispose()
})
