import { expect, it } from 'vitest'
import {
  ArgumentError,
  containsEager,
  criteria,
  immediate,
  joined,
  MappingError,
  NoResultError,
  raise,
  selectin,
  sql,
  withoutCriteria,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Animal, Cat, Cover, Dog, Entry, Folder, ids, openPages, Page, Remark, Tag } from './criteria-entities.ts'

const present = criteria([Page, Folder, Remark, Tag, Cover], { gone: null })

onEvery({}, (db) => {
  it('criteria of a query hold for its rows in every end: all, first, one, count, exists, pages, streams, rows', async () => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const query = session.query(Page).orderBy('id').options(present)
    expect(ids(await query.all())).toEqual([1, 3, 4, 6])
    expect((await query.orderBy('id', 'desc').where('id', '>', 1).first())?.id).toBe(3)
    await expect(query.where('id', '=', 2).one()).rejects.toThrow(NoResultError)
    expect(await query.where('id', '=', 2).oneOrNull()).toBeNull()
    expect(await query.count()).toBe(4)
    expect(await query.limit(3).count()).toBe(3)
    expect(await query.where('id', '=', 5).exists()).toBe(false)
    const page = await query.paginate({ perPage: 3 })
    expect([ids(page.items), page.total]).toEqual([[1, 3, 4], 4])
    expect(ids((await page.next()).items)).toEqual([6])
    const first = await query.page({ size: 3 })
    expect(ids(first.items)).toEqual([1, 3, 4])
    expect(ids((await query.page({ size: 3, after: first.next })).items)).toEqual([6])
    const streamed: number[] = []
    for await (const { id } of query.stream({ batch: 1 })) streamed.push(id)
    expect(streamed).toEqual([1, 3, 4, 6])
    expect(await query.select('id').scalars()).toEqual([1, 3, 4, 6])
    const perTenant = session
      .query(Page)
      .options(present)
      .select(({ count }) => ({ tenant: 'tenant', pages: count() }))
    expect(await perTenant.groupBy('tenant').orderBy('tenant').all()).toEqual([
      { tenant: 1, pages: 2 },
      { tenant: 2, pages: 2 },
    ])
    expect(statements.statements.length).toBeGreaterThan(10)
    expect(await session.query(Page).count()).toBe(6)
  })

  it('they hold where the entity is joined, in the ON of the join, so that outer joins keep their rows', async () => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const only = criteria(Cover, { gone: null })
    const inner = session.query(Page).join('cover').options(only).orderBy('id')
    expect(ids(await inner.all())).toEqual([2, 4, 6])
    const outer = session.query(Page).leftJoin('cover').options(only).orderBy('id')
    statements.clear()
    expect(await outer.select({ id: 'id', colour: 'cover.colour' }).all()).toEqual(
      [1, 2, 3, 4, 5, 6].map((id) => ({ id, colour: id % 2 === 0 ? `c${id}` : null })),
    )
    statements.expectExactly(/ on .*gone.* is null/)
    expect(ids(await outer.where('cover.id', 'is', null).all())).toEqual([1, 3, 5])
    const named = session.query(Page).join('cover', { as: 'c', on: (eb) => eb('c.id', '>', 2) })
    expect(ids(await named.options(only).orderBy('id').all())).toEqual([4, 6])
    const deep = session
      .query(Folder)
      .join('pages.tags')
      .options(present)
      .select(({ count }) => ({ name: 'name', n: count() }))
    expect(await deep.groupBy('name').orderBy('name').all()).toEqual([
      { name: 'f1', n: 2 },
      { name: 'f2', n: 2 },
    ])
    const tagged = session
      .query(Page)
      .leftJoin('tags')
      .options(criteria(Tag, { name: 'red' }))
      .where('id', '=', 1)
    expect(await tagged.select('tags.name').all()).toEqual([{ name: 'red' }])
  })

  it('they hold for whereHas, whereHasNo and comparisons with nothing, as deep as these go', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const found = async (query: { all(): Promise<{ id: number }[]> }) => ids(await query.all()).sort()
    const covered = criteria(Cover, { gone: null })
    const pages = session.query(Page).options(covered)
    expect(await found(pages.whereHas('cover'))).toEqual([2, 4, 6])
    expect(await found(pages.whereHasNo('cover'))).toEqual([1, 3, 5])
    expect(await found(pages.whereHas('cover', (covers) => covers.where('id', '<', 5)))).toEqual([2, 4])
    expect(await found(pages.where('cover', '=', null))).toEqual([1, 3, 5])
    expect(await found(pages.where('cover', '!=', null))).toEqual([2, 4, 6])
    const folders = session.query(Folder).options(covered)
    expect(await found(folders.whereHas('pages.cover', (covers) => covers.where('id', '=', 1)))).toEqual([])
    expect(await found(folders.whereHas('pages', (p) => p.whereHas('cover').where('id', '<', 4)))).toEqual([1])
    const tagged = session.query(Page).options(criteria(Tag, (tags) => tags.where('name', '!=', 'red')))
    expect(await found(tagged.whereHas('tags', (tags) => tags.where('name', '=', 'red')))).toEqual([])
    expect(await found(tagged.whereHas('tags'))).toEqual([1, 2, 3, 4, 5, 6])
    expect(
      await found(
        session
          .query(Page)
          .options(criteria(Tag, { name: 'no' }))
          .whereHas('tags'),
      ),
    ).toEqual([])
  })

  it('criteria may ask about related rows themselves, and are not held against each other', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const covered = criteria(Page, (pages) => pages.whereHas('cover', (covers) => covers.where('gone', 'is', null)))
    expect(ids(await session.query(Page).options(covered).orderBy('id').all())).toEqual([2, 4, 6])
    const folder = session.query(Folder).where('id', '=', 1)
    expect(ids((await folder.options(covered, selectin('pages')).one()).pages)).toEqual([2])
    session.expungeAll()
    expect(ids((await folder.options(covered, joined('pages')).one()).pages)).toEqual([2])
    session.expungeAll()
    const [row] = await folder.join('pages').options(covered).select('pages.id').all()
    expect(row).toEqual({ id: 2 })
    const mutual = criteria(Cover, (covers) => covers.whereHas('page', (pages) => pages.where('gone', 'is', null)))
    expect(ids(await session.query(Cover).options(mutual, covered).orderBy('id').all())).toEqual([1, 3, 4, 6])
  })

  it('modify() reaches what is joined and asked about before it; rows of a statement of its own meet them too', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const joinedFirst = session
      .query(Page)
      .join('cover')
      .whereHas('remarks', (remarks) => remarks.where('words', 'like', '%.1'))
      .modify((qb) => qb.where('crit_pages.id', '>', 1))
      .where('cover.id', '>', 0)
      .orderBy('id')
    expect(ids(await joinedFirst.all())).toEqual([2, 3, 4, 5, 6])
    expect(ids(await joinedFirst.options(criteria(Cover, { gone: null })).all())).toEqual([2, 4, 6])
    expect(ids(await joinedFirst.options(criteria(Remark, { gone: null })).all())).toEqual([])
    expect(ids(await joinedFirst.options(criteria(Page, { gone: null })).all())).toEqual([3, 4, 6])
    const rows = session.query(Page).fromSql(sql`select * from crit_pages where id < 4`).orderBy('id')
    expect(ids(await rows.options(present).all())).toEqual([1, 3])
  })

  it.each([
    {
      by: 'selectin',
      count: 5,
      options: [selectin('pages'), selectin('pages.remarks'), selectin('pages.tags'), selectin('pages.cover')],
    },
    {
      by: 'joined',
      count: 1,
      options: [joined('pages'), joined('pages.remarks'), joined('pages.tags'), joined('pages.cover')],
    },
    {
      by: 'immediate',
      count: 5,
      options: [immediate('pages'), immediate('pages.remarks'), immediate('pages.tags'), immediate('pages.cover')],
    },
  ])('they hold for relations that are loaded with the query, by $by', async ({ options, count }) => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const folders = session.query(Folder).options(present, ...options)
    const folder = await folders.where('id', '=', 1).one()
    statements.expectCount(count)
    expect(ids(folder.pages)).toEqual([1, 3])
    expect(folder.pages.map(({ remarks }) => remarks.map(({ words }) => words))).toEqual([['r1.0'], ['r3.0']])
    expect(folder.pages.map(({ tags }) => ids(tags))).toEqual([[1], [1]])
    expect(folder.pages.map(({ cover }) => cover)).toEqual([null, null])
    const limited = await folders.orderBy('id', 'desc').limit(1).all()
    expect(limited.map(({ pages }) => ids(pages))).toEqual([[4, 6]])
    expect(limited[0]?.pages.map(({ cover }) => cover?.colour)).toEqual(['c4', 'c6'])
    await session.refresh(folder)
    expect(ids(folder.pages)).toEqual([1, 3])
  })

  it('they hold for with(), for relations by conditions, for containsEager and for members that are chosen', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const folders = session.query(Folder).options(present).orderBy('id')
    const named = await folders.with('pages.cover', 'kept', 'like').all()
    expect(named.map(({ pages }) => ids(pages))).toEqual([
      [1, 3],
      [4, 6],
    ])
    expect(named.map(({ kept }) => ids(kept))).toEqual([
      [1, 3],
      [4, 6],
    ])
    expect(named.map(({ like }) => ids(like))).toEqual([[], []])
    session.expungeAll()
    const own = criteria(Page, (pages) => pages.where('id', 'in', [1, 2, 3]))
    expect(ids((await session.query(Folder).options(own).with('kept').orderBy('id').all())[1]?.kept ?? [])).toEqual([])
    session.expungeAll()
    const [eager] = await folders.join('pages').options(containsEager('pages')).all()
    expect(ids((eager as Folder).pages as never)).toEqual([1, 3])
    session.expungeAll()
    const chosen = selectin('pages', { where: (eb) => eb('id', '>', 1), orderBy: ['id', 'desc'], limit: 1 })
    const some = await folders.options(chosen).all()
    expect(some.map(({ pages }) => ids(pages))).toEqual([[3], [6]])
    session.expungeAll()
    const upwards = await session
      .query(Page)
      .options(criteria(Folder, { tenant: 1 }))
      .with('folder')
      .orderBy('id')
      .all()
    expect(upwards.map(({ folder }) => folder?.id)).toEqual([1, 1, 1, undefined, undefined, undefined])
  })

  it('they hold for what instances load later, and not for that of others, unless they are told not to propagate', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const folder = await session.query(Folder).where('id', '=', 1).options(present).one()
    expect(ids(await folder.pages)).toEqual([1, 3])
    const [page] = await folder.pages
    expect(ids((await page?.remarks) ?? [])).toEqual([10])
    expect(await page?.cover).toBeNull()
    expect(ids((await page?.tags) ?? [])).toEqual([1])
    const other = await session.query(Folder).where('id', '=', 2).one()
    expect(ids(await other.pages)).toEqual([4, 5, 6])
    session.expungeAll()
    const here = criteria(Page, { gone: null }, { propagateToLoaders: false })
    const once = await session.query(Folder).where('id', '=', 1).options(here).one()
    expect(ids(await once.pages)).toEqual([1, 2, 3])
    session.expungeAll()
    const beside = await session.query(Folder).where('id', '=', 1).options(here, joined('pages')).one()
    expect(ids(beside.pages)).toEqual([1, 3])
    session.expungeAll()
    const entries = criteria(Entry, { gone: null })
    const logged = await session.query(Folder).where('id', '=', 1).options(entries).one()
    expect(ids(await logged.entries.query().all())).toEqual([1])
    expect(await logged.entries.query().options(withoutCriteria()).count()).toBe(2)
    await session.commit()
    const count = await Sessions.begin(async (strict) => (await strict.getOne(Folder, 2)).entries.query().count(), {
      criteria: [entries],
    })
    expect(count).toBe(1)
    session.expungeAll()
    const [row] = await session
      .query(Folder)
      .where('id', '=', 1)
      .options(present)
      .select(({ entity }) => ({ folder: entity() }))
      .all()
    expect(ids((await row?.folder.pages) ?? [])).toEqual([1, 3])
    session.expungeAll()
    const below = selectin('pages').options(criteria(Remark, { gone: null }))
    const branch = await session.query(Folder).where('id', '=', 1).options(below).one()
    expect(ids(branch.pages)).toEqual([1, 2, 3])
    expect(ids((await branch.pages[0]?.remarks) ?? [])).toEqual([10])
  })

  it('what the identity map holds is given without asking; columns are read again whatever holds', async () => {
    const { Sessions, statements } = await openPages(db, { criteria: [present] })
    await using session = Sessions()
    const hidden = await session.getOne(Page, 3)
    hidden.gone = 'later'
    await session.flush()
    statements.clear()
    expect(await session.get(Page, 3)).toBe(hidden)
    statements.expectCount(0)
    expect(await session.get(Page, 5)).toBeNull()
    expect(await session.get(Page, 5, { options: [withoutCriteria()] })).toMatchObject({ id: 5 })
    await session.refresh(hidden)
    expect(hidden.gone).toBe('later')
    session.expire(hidden)
    expect(await session.get(Page, 3)).toBe(hidden)
    expect(hidden.gone).toBe('later')
    expect(await session.get(Page, 3, { populateExisting: true })).toBeNull()
    expect(await session.get(Page, 3, { forUpdate: true })).toBeNull()
    expect(await session.get(Page, 1, { forUpdate: true, with: ['cover'] })).toMatchObject({ id: 1, cover: null })
    const remark = await session.getOne(Remark, 30)
    expect(await remark.page).toBe(hidden)
    const folder = await session.getOne(Folder, 1)
    await session.refresh(folder, ['pages'])
    expect(ids(await folder.pages)).toEqual([1])
    await session.refresh(folder)
    expect(ids(await folder.pages)).toEqual([1])
    const lifted = await session.query(Folder).where('id', '=', 1).options(withoutCriteria(Page), joined('pages')).one()
    await session.refresh(lifted)
    expect(ids(lifted.pages)).toEqual([1, 2, 3])
  })

  it('criteria of a maker hold for all of its sessions, those of a session are added, and info tells them apart', async () => {
    const mine = criteria([Page, Folder], (rows, { info }) => rows.where('tenant', '=', info['tenant'] as number))
    const { Sessions, statements } = await openPages(db, { criteria: [mine] })
    for (const tenant of [1, 2, 1]) {
      await using session = Sessions({ info: { tenant } })
      const held = tenant === 1 ? [1, 2, 3] : [4, 5, 6]
      expect(ids(await session.query(Page).orderBy('id').all())).toEqual(held)
      expect(await session.query(Page).count()).toBe(3)
      session.expungeAll()
      const [folder, ...others] = await session.query(Folder).with('pages').all()
      expect([folder?.id, others.length, ids(folder?.pages ?? [])]).toEqual([tenant, 0, held])
      expect(await session.get(Page, tenant === 1 ? 4 : 1)).toBeNull()
      expect(
        ids(
          await session
            .query(Tag)
            .whereHas('pages', (pages) => pages.where('id', '=', 4))
            .all(),
        ),
      ).toEqual(tenant === 1 ? [] : [1, 2])
    }
    await using both = Sessions({ info: { tenant: 1 }, criteria: [criteria(Page, { gone: null })] })
    expect(ids(await both.query(Page).orderBy('id').all())).toEqual([1, 3])
    await using nobody = Sessions()
    statements.clear()
    await expect(nobody.query(Page).all()).rejects.toThrow(ArgumentError)
    statements.expectCount(0)
  })

  it('one text serves all tenants, with values of its own each time, also for relations', async () => {
    const tenants = (...allowed: number[]) => criteria(Page, (pages) => pages.where('tenant', 'in', allowed))
    const { engine, Sessions, statements } = await openPages(db)
    const ask = async (...allowed: number[]) => {
      await using session = Sessions({ criteria: [tenants(...allowed), criteria(Folder, { gone: null })] })
      const lazy = await session.query(Folder).orderBy('id').all()
      const pages = await Promise.all(lazy.map((folder) => folder.pages))
      session.expungeAll()
      const eager = await session.query(Folder).options(joined('pages')).orderBy('id').all()
      session.expungeAll()
      const tags = await session.query(Tag).where('id', '=', 1).with('pages').one()
      const up = await session.query(Page).where('id', '<', 5).orderBy('id').with('folder').all()
      const both = await session
        .query(Folder)
        .whereHas('pages')
        .join('pages')
        .orderBy('pages.id')
        .select('pages.id')
        .all()
      return [pages.map(ids), eager.map(({ pages: some }) => ids(some)), ids(tags.pages), ids(up), ids(both as never)]
    }
    const one = [
      [[1, 2, 3], []],
      [[1, 2, 3], []],
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]
    const two = [[[], [4, 5, 6]], [[], [4, 5, 6]], [4, 5, 6], [4], [4, 5, 6]]
    expect(await ask(1)).toEqual(one)
    const texts = statements.statements.map(({ sql: text }) => text)
    const { misses } = engine.statementCache
    statements.clear()
    expect(await ask(2)).toEqual(two)
    expect(statements.statements.map(({ sql: text }) => text)).toEqual(texts)
    expect(engine.statementCache.misses).toBe(misses)
    expect(await ask(1)).toEqual(one)
    expect(await ask(1, 2)).toEqual([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5, 6],
    ])
  })

  it('updates and deletes of many rows keep to them, unless they are for loading only', async () => {
    const { Sessions, Plain } = await openPages(db, { criteria: [present] })
    await using session = Sessions()
    const held = await session.query(Page).orderBy('id').all()
    expect(await session.query(Page).where('tenant', '=', 1).update({ title: 'new' })).toBe(2)
    expect(held.map(({ title }) => title)).toEqual(['new', 'new', 'p4', 'p6'])
    const written = await session.query(Page).whereHas('cover').update({ title: 'covered' }, { returning: true })
    expect(ids(written).sort()).toEqual([4, 6])
    expect(await session.query(Remark).delete()).toBe(6)
    expect(await session.query(Tag).where('id', '=', 2).update({ name: 'x' }, { synchronize: 'evaluate' })).toBe(0)
    const loads = criteria(Cover, { colour: 'c1' }, { loaderOnly: true })
    const covers = session.query(Cover).options(withoutCriteria(Cover), loads)
    expect(ids(await covers.all())).toEqual([1])
    expect(await covers.update({ colour: 'white' })).toBe(6)
    await session.commit()
    await using plain = Plain()
    expect(ids(await plain.query(Remark).orderBy('id').all())).toEqual([11, 21, 31, 41, 51, 61])
    expect((await plain.getOne(Page, 2)).title).toBe('p2')
  })

  it('a later option lifts them: for an entity, or for all', async () => {
    const { Sessions } = await openPages(db, { criteria: [present] })
    await using session = Sessions()
    const folder = session.query(Folder).where('id', '=', 1)
    const lifted = await folder.options(withoutCriteria(Page), selectin('pages.remarks')).one()
    expect(lifted.pages.map(({ remarks }) => ids(remarks))).toEqual([[10], [20], [30]])
    session.expungeAll()
    const all = await folder.options(withoutCriteria()).one()
    const pages = await all.pages
    expect(ids(pages)).toEqual([1, 2, 3])
    expect(ids((await pages[0]?.remarks) ?? [])).toEqual([10, 11])
    const instead = session
      .query(Page)
      .options(criteria(Page, { id: 1 }), withoutCriteria(Page), criteria(Page, { id: 5 }))
    expect(ids(await instead.all())).toEqual([5])
  })

  it('a collection that is loaded under them is a part: flushes and merges know the rest', async () => {
    const { Sessions, Plain } = await openPages(db, { criteria: [present] })
    await using session = Sessions()
    const page = await session.getOne(Page, 1, { with: ['remarks', 'cover', 'folder'] })
    expect([page.remarks.length, page.cover, page.folder?.id]).toEqual([1, null, 1])
    expect(() => {
      page.remarks = [] as never
    }).toThrow(/only a part/)
    page.remarks.add(new Remark({ id: 99, words: 'more' } as never))
    page.title = 'changed'
    await session.commit()
    expect(ids(page.remarks)).toEqual([10, 99])
    session.delete(page)
    await session.commit()
    const merged = await session.merge(new Page({ id: 2, tenant: 1, title: 'merged' }))
    await session.commit()
    expect(merged.gone).toBe('gone')
    const cover = await session.query(Cover).where('id', '=', 2).options(present).with('page').one()
    cover.colour = 'blue'
    await session.commit()
    await using plain = Plain()
    expect(ids(await plain.query(Remark).where('pageId', '=', 1).all())).toEqual([])
    expect(ids(await plain.query(Page).orderBy('id').all())).toEqual([2, 3, 4, 5, 6])
    expect(await plain.getOne(Page, 2)).toMatchObject({ title: 'merged', gone: 'gone' })
    expect(await plain.getOne(Cover, 1)).toMatchObject({ colour: 'c1', pageId: null })
    expect(await plain.getOne(Cover, 2)).toMatchObject({ colour: 'blue', pageId: 2 })
  })

  it('criteria of a class hold for those that inherit from it, and not the other way', async () => {
    const { Sessions } = await openPages(db, { criteria: [criteria(Animal, { gone: null })] })
    await using session = Sessions()
    expect(ids(await session.query(Animal).orderBy('id').all())).toEqual([1, 2, 4])
    expect(ids(await session.query(Cat).all())).toEqual([2])
    expect(ids(await session.query(Dog).all())).toEqual([4])
    expect((await session.query(Dog).all())[0]?.tricks).toBe(3)
    session.expungeAll()
    expect(await session.get(Dog, 5)).toBeNull()
    expect(await session.get(Animal, 4)).toMatchObject({ id: 4, tricks: 3 })
    const qualified = criteria(Animal, (animals) => animals.where('crit_animals.name', '!=', 'rex'))
    expect(await session.query(Dog).options(qualified).count()).toBe(0)
    expect(await session.query(Dog).update({ tricks: 1 })).toBe(1)
    expect(await session.query(Dog).update({ name: 'dog' })).toBe(1)
    expect(await session.query(Cat).delete()).toBe(1)
    const few = session.query(Animal).options(withoutCriteria(), criteria(Dog, { tricks: 100 }))
    expect(await few.count()).toBe(4)
  })

  it('what is wrong is refused before anything is sent', async () => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const with_ = (option: ReturnType<typeof criteria>) => session.query(Page).options(option).all()
    expect(() => criteria(Page, 5 as never)).toThrow(/values by property/)
    expect(() => criteria(Page, {}, { loader: true } as never)).toThrow(/unknown option 'loader'/)
    expect(() => criteria([], {})).toThrow(/no entity/)
    expect(() => criteria(String as never, {})).toThrow(MappingError)
    expect(() => withoutCriteria(String as never)).toThrow(MappingError)
    expect(() => Sessions({ criteria: [raise('*')] as never })).toThrow(/array of criteria/)
    await expect(with_(criteria(Page, { gnoe: null } as never))).rejects.toThrow(/criteria\(\).*did you mean 'gone'/i)
    await expect(with_(criteria(Page, { tenant: undefined } as never))).rejects.toThrow(ArgumentError)
    await expect(with_(criteria(Page, () => 5 as never))).rejects.toThrow(/must return the conditions/)
    await expect(with_(criteria(Page, (pages) => pages.where('tenant', '=', 'x' as never)))).rejects.toThrow(
      ArgumentError,
    )
    statements.expectCount(0)
  })
})
