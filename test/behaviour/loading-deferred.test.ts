import { expect, it } from 'vitest'
import { createAll, entity, integer, manyToOne, oneToMany, sessionmaker, text, varchar } from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

class Folder extends entity('def_folders', {
  id: integer().primaryKey(),
  name: varchar(50),
  cover: text().nullable().deferred(),
  get pages() {
    return oneToMany(() => Page, { backPopulates: 'folder', cascade: 'all', orderBy: 'id' })
  },
}) {}

class Page extends entity('def_pages', {
  id: integer().primaryKey(),
  body: text().deferred(),
  folderId: integer().nullable().references('def_folders.id'),
  get folder() {
    return manyToOne(() => Folder, { foreignKey: 'folderId', backPopulates: 'pages' }).nullable()
  },
}) {}

onEvery({}, (db) => {
  it('entities with deferred columns are loaded as related ones without them, in as many statements, expired or not', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Folder, Page])
    const statements = recordStatements(engine)
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin(async (session) => {
      const pages = [new Page({ body: 'one' }), new Page({ body: 'two' })]
      session.add(new Folder({ name: 'f', cover: 'c', pages }))
    })
    await using session = Sessions()
    statements.clear()
    const folder = await session.query(Folder).with('pages.folder').one()
    statements.expectCount(2)
    expect(folder.pages.map((page) => page.folder?.name)).toEqual(['f', 'f'])
    session.expireAll()
    statements.clear()
    expect(await session.getOne(Folder, 1, { with: ['pages'] })).toBe(folder)
    statements.expectCount(2)
    session.expireAll()
    expect(await folder.pages).toHaveLength(2)
    expect(folder.name).toBe('f')
    const merged = await session.merge(new Folder({ id: 1, name: 'g', pages: [] }))
    expect(merged).toBe(folder)
    await session.commit()
    expect(await session.query(Page).where('folderId', 'is', null).count()).toBe(2)
    await session.refresh(folder, ['cover'])
    expect(folder.cover).toBe('c')
  })
})
