import {
  createAll,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  type SessionOptions,
  sessionmaker,
  subclass,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** A page of a tenant; a hidden one has a reason in `gone`. */
export class Page extends entity('crit_pages', {
  id: integer().primaryKey(),
  tenant: integer(),
  title: varchar(100),
  gone: varchar(20).nullable(),
  folderId: integer().nullable().references('crit_folders.id'),
  get folder() {
    return manyToOne(() => Folder, { foreignKey: 'folderId', backPopulates: 'pages' }).nullable()
  },
  get remarks() {
    return oneToMany(() => Remark, { backPopulates: 'page', cascade: 'all, delete-orphan', orderBy: 'id' })
  },
  get tags() {
    return manyToMany(() => Tag, { through: 'crit_page_tags', backPopulates: 'pages', orderBy: 'id' })
  },
  get cover() {
    return oneToOne(() => Cover, { backPopulates: 'page' })
  },
}) {}

/** Holds pages, and is of a tenant as they are. */
export class Folder extends entity('crit_folders', {
  id: integer().primaryKey(),
  tenant: integer(),
  name: varchar(100),
  gone: varchar(20).nullable(),
  get pages() {
    return oneToMany(() => Page, { backPopulates: 'folder', orderBy: 'id' })
  },
  get entries() {
    return oneToMany(() => Entry, { backPopulates: 'folder', collection: 'writeOnly' })
  },
  get kept() {
    return oneToMany(() => Page, { viewOnly: true, where: (eb) => eb('title', '!=', 'draft'), orderBy: 'id' })
  },
  get like() {
    return oneToMany(() => Page, {
      viewOnly: true,
      on: (eb) => eb('target.title', '=', eb.ref('source.name')),
      orderBy: 'id',
    })
  },
}) {}

/** In a collection that is never loaded. */
export class Entry extends entity('crit_entries', {
  id: integer().primaryKey(),
  gone: varchar(20).nullable(),
  folderId: integer().references('crit_folders.id', { onDelete: 'cascade' }),
  get folder() {
    return manyToOne(() => Folder, { foreignKey: 'folderId', backPopulates: 'entries' })
  },
}) {}

/** Goes with its page. */
export class Remark extends entity('crit_remarks', {
  id: integer().primaryKey(),
  words: varchar(100),
  gone: varchar(20).nullable(),
  pageId: integer().references('crit_pages.id'),
  get page() {
    return manyToOne(() => Page, { foreignKey: 'pageId', backPopulates: 'remarks' })
  },
}) {}

/** On many pages. */
export class Tag extends entity('crit_tags', {
  id: integer().primaryKey(),
  name: varchar(100),
  gone: varchar(20).nullable(),
  get pages() {
    return manyToMany(() => Page, { through: 'crit_page_tags', backPopulates: 'tags', orderBy: 'id' })
  },
}) {}

/** One for each page at most, whose key it holds. */
export class Cover extends entity('crit_covers', {
  id: integer().primaryKey(),
  colour: varchar(20),
  gone: varchar(20).nullable(),
  pageId: integer().nullable().references('crit_pages.id'),
  get page() {
    return oneToOne(() => Page, { foreignKey: 'pageId', backPopulates: 'cover' }).nullable()
  },
}) {}

/** The root of a family. */
export class Animal extends entity('crit_animals', {
  id: integer().primaryKey(),
  kind: varchar(20).discriminator('animal'),
  name: varchar(100),
  gone: varchar(20).nullable(),
}) {}

/** In the table of the root. */
export class Cat extends subclass(Animal, { lives: integer().nullable() }, { discriminator: 'cat' }) {}

/** In a table of its own. */
export class Dog extends subclass(Animal, { tricks: integer() }, { discriminator: 'dog', table: 'crit_dogs' }) {}

const everything = [Folder, Page, Entry, Remark, Tag, Cover, Animal, Cat, Dog]

/** An engine with the tables of the entities above, a maker of sessions, and a recorder of statements. */
export async function openPages(db: TestDatabase, options: SessionOptions = {}) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, everything)
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine })
  await Sessions.begin(fill)
  statements.clear()
  return { engine, Sessions: sessionmaker({ bind: engine, ...options }), Plain: Sessions, statements }
}

/**
 * Folders `f1` of tenant 1 and `f2` of tenant 2, the pages 1 to 6 of which 1 to 3 are in `f1`; page 2 and 5 are gone. Each page has a
 * remark that is there and one that is gone, both tags, and a cover that is gone for odd pages.
 */
function fill(session: ReturnType<ReturnType<typeof sessionmaker>>): void {
  const gone = (yes: boolean) => (yes ? 'gone' : null)
  const tags = [new Tag({ id: 1, name: 'red' }), new Tag({ id: 2, name: 'old', gone: 'gone' })]
  const folders = [1, 2].map((tenant) => new Folder({ id: tenant, tenant, name: `f${tenant}` }))
  session.addAll([...tags, ...folders])
  for (let id = 1; id <= 6; id++) {
    const tenant = id <= 3 ? 1 : 2
    const remarks = [0, 1].map((n) => new Remark({ id: id * 10 + n, words: `r${id}.${n}`, gone: gone(n === 1) }))
    const cover = new Cover({ id, colour: `c${id}`, gone: gone(id % 2 === 1) })
    const folder = folders[tenant - 1] as Folder
    session.add(new Page({ id, tenant, title: `p${id}`, gone: gone(id % 3 === 2), folder, remarks, tags, cover }))
  }
  for (const [n, folder] of folders.entries()) {
    session.addAll([new Entry({ id: n * 2 + 1, folder }), new Entry({ id: n * 2 + 2, gone: 'gone', folder })])
  }
  session.addAll([
    new Animal({ id: 1, name: 'owl' }),
    new Cat({ id: 2, name: 'tom', lives: 9 }),
    new Cat({ id: 3, name: 'ghost', lives: 0, gone: 'gone' }),
    new Dog({ id: 4, name: 'rex', tricks: 3 }),
    new Dog({ id: 5, name: 'argos', tricks: 7, gone: 'gone' }),
  ])
}

/** The keys of instances. */
export function ids(instances: Iterable<{ readonly id: number }>): number[] {
  return Array.from(instances, ({ id }) => id)
}
