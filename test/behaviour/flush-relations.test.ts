import { expect, it } from 'vitest'
import { state } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Address, Album, Branch, Friend, Label, Node, openFlushes, Song, User } from './flush-entities.ts'

onEvery({}, (db) => {
  it('UOW-001 UOW-030 a new parent is inserted before its children, and its key is in them, whichever was added first', async () => {
    for (const first of ['parent', 'child'] as const) {
      const { Sessions, statements } = await openFlushes(db)
      await using session = Sessions()
      const user = new User({ name: 'ed' })
      const addresses = ['a@x.org', 'b@x.org'].map((email) => new Address({ email }))
      if (first === 'child') session.addAll(addresses)
      user.addresses.add(...addresses)
      session.add(user)
      await statements.during(() => session.flush())
      statements.expectExactly('insert into users', 'insert into addresses')
      expect(addresses.map(({ userId }) => userId)).toEqual([user.id, user.id])
      expect([...session.dirty]).toEqual([])
      expect(addresses.map((address) => state(address).modified)).toEqual([{}, {}])
      await session.commit()
      expect(await session.query(Address).where('userId', '=', user.id).count()).toBe(2)
    }
  })

  it('UOW-004 a self-referential tree is inserted level by level, the rows of a level together', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const leaf = (name: string) => new Node({ name })
    const root = new Node({
      name: 'root',
      children: [
        new Node({ name: 'left', children: [leaf('ll'), leaf('lr')] }),
        new Node({ name: 'right', children: [leaf('rl')] }),
      ],
    })
    session.add(root)
    await statements.during(() => session.flush())
    statements.expectExactly('insert into nodes', 'insert into nodes', 'insert into nodes')
    const stored = await session.execute(session.db.selectFrom('nodes').selectAll().orderBy('id'))
    expect(stored.all().map((row) => row['name'])).toEqual(['root', 'left', 'right', 'll', 'lr', 'rl'])
  })

  it('UOW-005 all nodes of a tree are deleted from the leaves up, each level by one statement', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const root = new Node({ name: 'root', children: [new Node({ name: 'a' }), new Node({ name: 'b' })] })
    session.add(root)
    await session.flush()
    for (const node of [root, ...(await root.children)]) session.delete(node)
    await statements.during(async () => {
      expect(session.explainFlush().split('\n')).toEqual([
        'delete nodes where id, 2 rows',
        'delete nodes where id, 1 row',
      ])
      await session.flush()
    })
    expect(await session.query(Node).count()).toBe(0)
  })

  it('UOW-006 children of a deleted parent lose its key by one UPDATE, in a tree too', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const user = new User({ name: 'ed', addresses: ['a', 'b'].map((email) => new Address({ email })) })
    const root = new Node({ name: 'root', children: [new Node({ name: 'a' }), new Node({ name: 'b' })] })
    session.addAll([user, root])
    await session.flush()
    session.delete(user)
    await statements.during(() => session.flush())
    statements.expectExactly(/^update addresses (as t )?set userid/, 'delete from users')
    session.delete(root)
    await statements.during(() => session.flush())
    statements.expectExactly(/^update nodes (as t )?set parentid/, 'delete from nodes')
    expect((await session.query(Address).all()).map(({ userId }) => userId)).toEqual([null, null])
    expect((await session.query(Node).all()).map(({ parentId }) => parentId)).toEqual([null, null])
  })

  it('UOW-008 a deleted parent loads what it has to take its key from, all of a kind in one statement', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await Sessions.begin((session) => {
      for (const name of ['ed', 'jack', 'mary'])
        session.add(new User({ name, addresses: [new Address({ email: name })] }))
    })
    await using session = Sessions()
    for (const user of await session.query(User).all()) session.delete(user)
    await statements.during(() => session.flush())
    statements.expectExactly('select', 'update addresses', 'delete from users')
    expect((await session.query(Address).all()).map(({ userId }) => userId)).toEqual([null, null, null])
  })

  it('UOW-009 expired children and their expired parent are deleted in order; children alone do not load the parent', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const addresses = ['a', 'b', 'c', 'd'].map((email) => new Address({ email }))
    const [first, second] = [addresses.slice(0, 2), addresses.slice(2)]
    const users = [new User({ name: 'ed', addresses: first }), new User({ name: 'jack', addresses: second })]
    session.addAll(users)
    await session.commit()
    for (const gone of [users[0] as User, ...first]) session.delete(gone)
    await session.flush()
    expect(await session.query(User).count()).toBe(1)
    expect(await session.query(Address).count()).toBe(2)
    await session.commit()
    for (const gone of second) session.delete(gone)
    await statements.during(() => session.flush())
    statements.expectExactly('delete from addresses')
  })

  it('UOW-010 a to-one relation that is not loaded is set to null by one UPDATE, without a SELECT', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await Sessions.begin((session) => session.add(new User({ name: 'ed', addresses: [new Address({ email: 'a' })] })))
    await using session = Sessions()
    const address = await session.query(Address).one()
    address.user = null
    await statements.during(() => session.commit())
    statements.expectExactly('update addresses set userid')
    expect((await session.query(Address).one()).userId).toBe(null)
  })

  it('UOW-011 those that refer to a deleted row and were set to null are updated before the DELETE', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const user = new User({ name: 'ed' })
    const albums = ['a', 'b'].map((title) => new Album({ title, lead: user }))
    session.addAll(albums)
    await session.flush()
    for (const album of albums) album.lead = null
    session.delete(user)
    await statements.during(() => session.flush())
    statements.expectExactly('select', /^update albums (as t )?set leadid/, 'delete from users')
    expect(await session.query(User).count()).toBe(0)
  })

  it('UOW-013 a row that is replaced loses the children and the pairs of the old instance, and gets those of the new', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const labels = ['x', 'y'].map((name) => new Label({ name }))
    const songs = (...titles: string[]) => titles.map((title) => new Song({ title }))
    const old = new Album({ id: 1, title: 'old', songs: songs('a', 'b'), labels: [labels[0] as Label] })
    session.addAll([old, ...labels])
    await session.commit()
    session.delete(await session.getOne(Album, 1))
    session.add(new Album({ id: 1, title: 'new', songs: songs('c'), labels: [labels[1] as Label] }))
    await statements.during(() => session.flush())
    expect(statements.statements.filter(({ sql }) => /^(insert into|delete from) .albums/.test(sql))).toEqual([])
    await session.commit()
    const album = await session.query(Album).one()
    expect(album.title).toBe('new')
    expect((await album.songs).map(({ title }) => title)).toEqual(['c'])
    expect((await album.labels).map(({ name }) => name)).toEqual(['y'])
    expect(await session.query(Song).count()).toBe(1)
  })

  it('UOW-014 a row that is replaced by its like is not written at all', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const node = new Node({ id: 1, name: 'same' })
    session.add(node)
    await session.flush()
    session.delete(node)
    const twin = new Node({ id: 1, name: 'same', parentId: null })
    session.add(twin)
    await statements.during(() => session.flush())
    expect(statements.statements.filter(({ sql }) => !/^select/.test(sql))).toEqual([])
    expect(await session.get(Node, 1)).toBe(twin)
    expect([state(node).status, state(twin).status]).toEqual(['deleted', 'persistent'])
  })

  it('UOW-015 a new instance whose relation is null takes the foreign key of the row it replaces away', async () => {
    const { Sessions } = await openFlushes(db)
    await Sessions.begin((session) => session.add(new Album({ id: 1, title: 'a', lead: new User({ name: 'ed' }) })))
    await using session = Sessions()
    session.delete(await session.getOne(Album, 1))
    session.add(new Album({ id: 1, title: 'a', lead: null }))
    await session.commit()
    expect((await session.getOne(Album, 1)).leadId).toBe(null)
  })

  it('UOW-033 a many-to-many collection writes the net difference; clearing it deletes exactly its pairs', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new Label({ name })) as [Label, Label, Label]
    const album = new Album({ title: 'one', labels: [a, b] })
    const other = new Album({ title: 'two', labels: [a] })
    session.addAll([album, other, c])
    await session.flush()
    album.labels.remove(a)
    album.labels.add(a)
    await statements.during(() => session.flush())
    statements.expectCount(0)
    album.labels.remove(b)
    album.labels.add(c)
    expect(session.explainFlush().split('\n')).toEqual([
      'insert album_labels (albumId, labelId) 1 row',
      'delete album_labels where albumId, labelId, 1 row',
    ])
    await session.flush()
    album.labels.remove(...(await album.labels))
    expect(session.explainFlush()).toBe('delete album_labels where albumId, labelId, 2 rows')
    await session.commit()
    expect(await other.labels).toEqual([a])
    expect(await album.labels).toEqual([])
  })

  it('UOW-034 a pair that both sides were told of is written once, and deleted once', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const [ann, bob] = ['ann', 'bob'].map((name) => new Friend({ name })) as [Friend, Friend]
    ann.follows.add(bob)
    bob.followers.add(ann)
    bob.follows.add(ann)
    session.addAll([ann, bob])
    expect(session.explainFlush().split('\n').at(-1)).toMatch(/^insert friend_pairs .* 2 rows$/)
    await session.commit()
    await Promise.all([ann.follows, bob.followers])
    for (const friend of [ann, bob]) session.delete(friend)
    await session.flush()
    const left = await session.execute(session.db.selectFrom('friend_pairs').selectAll())
    expect(left.all()).toEqual([])
  })

  it('UOW-035 pairs that somebody else has deleted make the flush fail', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const label = new Label({ name: 'x' })
    const album = new Album({ title: 'one', labels: [label] })
    session.add(album)
    await session.flush()
    await session.execute(session.db.deleteFrom('album_labels'))
    album.labels.remove(label)
    await expect(session.flush()).rejects.toMatchObject({
      name: 'StaleDataError',
      identities: [expect.stringMatching(/^Album#\d+ and Label#\d+$/)],
    })
  })

  it('UOW-036 a node of a graph takes its pairs of both directions with it, before it goes', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await Sessions.begin((session) => {
      const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => new Friend({ name })) as [Friend, Friend, Friend]
      ann.follows.add(bob, cid)
      bob.follows.add(ann)
      session.addAll([ann, bob, cid])
    })
    await using session = Sessions()
    const ann = await session.query(Friend).where('name', '=', 'ann').one()
    session.delete(ann)
    await statements.during(() => session.flush())
    statements.expectExactly('select', 'select', 'delete from friend_pairs', 'delete from friends')
    expect((await session.execute(session.db.selectFrom('friend_pairs').selectAll())).all()).toEqual([])
  })

  it('UOW-040 a child that moves away while its old parent is deleted keeps the new key', async () => {
    for (const told of ['collection', 'child'] as const) {
      const { Sessions } = await openFlushes(db)
      await using session = Sessions()
      const child = new Address({ email: 'a' })
      const [from, to] = [new User({ name: 'from', addresses: [child] }), new User({ name: 'to' })]
      session.addAll([from, to])
      await session.flush()
      if (told === 'child') child.user = to
      else to.addresses.add(child)
      session.delete(from)
      await session.commit()
      expect((await session.query(Address).one()).userId).toBe(to.id)
    }
  })

  it('UOW-041 a relation that is set to null wins over a key set by hand; reading it changes nothing', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const user = new User({ name: 'ed' })
    session.add(user)
    await session.flush()
    const [read, set] = [new Address({ email: 'a' }), new Address({ email: 'b' })]
    for (const address of [read, set]) address.userId = user.id
    expect(read.user).toBe(null)
    set.user = user
    set.user = null
    session.addAll([read, set])
    await session.commit()
    const stored = await session.query(Address).orderBy('email').all()
    expect(stored.map(({ userId }) => userId)).toEqual([user.id, null])
  })

  it('a tree is deleted in one SELECT and one DELETE for each level, however wide it is', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await Sessions.begin((session) => {
      const grow = (name: string, levels: number): Branch =>
        new Branch({ name, children: levels === 0 ? [] : ['a', 'b', 'c', 'd'].map((n) => grow(name + n, levels - 1)) })
      session.add(grow('root', 3))
    })
    await using session = Sessions()
    session.delete(await session.query(Branch).where('parentId', '=', null).one())
    await statements.during(() => session.flush())
    statements.expectExactly('select', 'select', 'select', 'select', ...Array.from({ length: 4 }, () => 'delete'))
    expect(await session.query(Branch).count()).toBe(0)
  })

  it('a new child of a parent that is deleted in the same flush comes in without it, and a row may refer to itself', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const user = new User({ name: 'ed' })
    session.add(user)
    await session.flush()
    const address = new Address({ email: 'a', user })
    session.add(address)
    session.delete(user)
    const node = new Node({ name: 'own' })
    node.parent = node
    session.add(node)
    await session.flush()
    expect([address.userId, address.user]).toEqual([null, null])
    expect([node.parentId, node.parent]).toEqual([node.id, node])
    session.delete(node)
    await session.commit()
    expect([await session.query(User).count(), await session.query(Node).count()]).toEqual([0, 0])
  })

  it('pairs that went with one side are not looked for when the other side is deleted later', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const [label, stored] = [new Label({ name: 'x' }), new Album({ title: 'two' })]
    const album = new Album({ title: 'one', labels: [label] })
    session.addAll([album, stored])
    await session.flush()
    stored.labels.add(label)
    for (const gone of [album, stored, label]) {
      session.delete(gone)
      await session.flush()
    }
    expect(await session.query(Label).count()).toBe(0)
  })
})
