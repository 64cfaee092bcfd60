import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  ArgumentError,
  createAll,
  entity,
  InvalidRequestError,
  integer,
  MappingError,
  manyToOne,
  on,
  oneToMany,
  type Session,
  type SessionEvents,
  sessionmaker,
  sql,
  text,
  varchar,
} from '../../src/index.ts'
import { Gate } from '../../src/session/gate.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Writer extends entity('evt_writers', {
  id: integer().primaryKey(),
  name: varchar(60),
  slug: varchar(60).nullable(),
  edits: integer().default(0),
  get books() {
    return oneToMany(() => Book, { backPopulates: 'writer', cascade: 'all, delete-orphan' })
  },
}) {}

/** A plain class below a mapped one: its instances are rows of the same table. */
class Poet extends Writer {}

class Book extends entity('evt_books', {
  id: integer().primaryKey(),
  title: varchar(60),
  writerId: integer().nullable().references('evt_writers.id'),
  get writer() {
    return manyToOne(() => Writer, { foreignKey: 'writerId', backPopulates: 'books' }).nullable()
  },
}) {}

class Trail extends entity('evt_trail', { id: integer().primaryKey(), entry: text() }) {}

/** A key of its own, so that a row can be replaced. */
class Label extends entity('evt_labels', { code: varchar(10).primaryKey(), words: varchar(60).unique() }) {}

async function openWriters(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Writer, Book, Trail, Label])
  return { engine, statements: recordStatements(engine), Sessions: sessionmaker({ bind: engine }) }
}

/** Listens for the rest of this test. */
const listen = ((...given: Parameters<typeof on>) => onTestFinished(on(...given))) as unknown as typeof on

const around = ['beforeInsert', 'afterInsert', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'] as const

/** Notes what happens around the statements, and the statements. */
function noteRows(statements: { readonly statements: readonly { readonly sql: string }[] }, entityClass = Writer) {
  const seen: string[] = []
  let told = statements.statements.length
  const noteStatements = () => {
    for (const { sql } of statements.statements.slice(told)) seen.push(sql.trim().split(/\s/)[0]?.toLowerCase() ?? '')
    told = statements.statements.length
  }
  for (const name of around) {
    listen(entityClass, name, ({ target }) => {
      noteStatements()
      seen.push(`${name} ${target.name}`)
    })
  }
  return { seen, noteStatements }
}

const sessionEvents = [
  'afterTransactionCreate',
  'afterTransactionEnd',
  'afterBegin',
  'beforeCommit',
  'afterCommit',
  'afterRollback',
  'afterSoftRollback',
  'beforeFlush',
  'afterFlush',
  'afterFlushPostexec',
] as const satisfies readonly (keyof SessionEvents<Session>)[]

function noteSession(session: Session): string[] {
  const seen: string[] = []
  for (const name of sessionEvents) session.on(name, () => void seen.push(name))
  return seen
}

onEvery({}, (db) => {
  describe('around the statements of a flush', () => {
    it('UOW-031 all listeners before a batch run, then its statement, then all behind it; they get target, session and connection', async () => {
      const { Sessions, statements } = await openWriters(db)
      await using session = Sessions()
      await session.connection()
      const { seen, noteStatements } = noteRows(statements)
      const given: unknown[] = []
      listen(Writer, 'afterInsert', async ({ target, session, connection }) => {
        const { rows } = await connection.execute(sql`select 1 as one`)
        given.push([target.id, session, rows.length])
      })
      const writers = ['a', 'b'].map((name) => new Writer({ name }))
      session.addAll(writers)
      await session.flush()
      noteStatements()
      expect(seen.filter((one) => one !== 'select')).toEqual([
        'beforeInsert a',
        'beforeInsert b',
        'insert',
        'afterInsert a',
        'afterInsert b',
      ])
      expect(given).toEqual(writers.map(({ id }) => [id, session, 1]))
      seen.length = 0
      for (const writer of writers) writer.edits++
      await session.flush()
      session.deleteAll(writers)
      await session.flush()
      const told = seen.filter((one) => one.includes(' '))
      expect(told).toEqual(
        ['beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'].flatMap((name) => [`${name} a`, `${name} b`]),
      )
    })

    it('columns that are set before an INSERT or UPDATE are written by that very statement, and nothing stays to be flushed', async () => {
      const { Sessions, statements } = await openWriters(db)
      await using session = Sessions()
      listen(Writer, 'beforeInsert', async ({ target }) => {
        await Promise.resolve()
        target.slug = target.name.toLowerCase()
      })
      listen(Writer, 'beforeUpdate', ({ target }) => {
        target.edits += 1
        target.slug = target.name.toLowerCase()
      })
      const writers = ['Ann', 'Bob'].map((name) => new Writer({ name }))
      session.addAll(writers)
      await session.flush()
      expect(session.dirty.size).toBe(0)
      ;(writers[0] as Writer).name = 'Carl'
      statements.clear()
      await session.flush()
      statements.expectExactly(/^update/)
      expect(session.dirty.size).toBe(0)
      await session.commit()
      const stored = await session.execute(sql`select slug, edits from evt_writers order by id`)
      expect(stored.rows).toEqual([
        { slug: 'carl', edits: 1 },
        { slug: 'bob', edits: 0 },
      ])
      expect(writers.map(({ slug, edits }) => [slug, edits])).toEqual([
        ['carl', 1],
        ['bob', 0],
      ])
    })

    it('a listener may give a key, and rows that refer to it follow', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      listen(Writer, 'beforeInsert', ({ target }) => {
        target.id = 500
      })
      const seen: unknown[] = []
      listen(Book, 'beforeInsert', ({ target }) => void seen.push(target.writerId))
      const writer = new Writer({ name: 'a', books: [new Book({ title: 'one' })] })
      session.add(writer)
      await session.commit()
      expect(writer.id).toBe(500)
      expect(seen).toEqual([500])
      const stored = await Sessions.begin((other) => other.query(Book).one())
      expect(stored.writerId).toBe(500)
    })

    it('what is changed behind the statement, and by other branches meanwhile, is written by the next flush', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const writer = new Writer({ name: 'a' })
      session.add(writer)
      await session.commit()
      const off = on(Writer, 'afterUpdate', ({ target }) => {
        target.slug = 'later'
      })
      writer.name = 'b'
      await session.flush()
      off()
      expect(session.dirty.size).toBe(1)
      await session.commit()
      expect(await session.scalar(sql`select slug from evt_writers`)).toBe('later')
    })

    it('a listener that fails fails the flush with its own error, and leaves every record as it was', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const writer = new Writer({ name: 'a' })
      session.add(writer)
      await session.commit()
      const failure = new RangeError('no')
      listen(Writer, 'beforeUpdate', ({ target }) => {
        target.slug = 'set'
      })
      const off = on(Writer, 'afterInsert', () => {
        throw failure
      })
      const added = new Writer({ name: 'new' })
      session.add(added)
      writer.name = 'b'
      await expect(session.flush()).rejects.toBe(failure)
      expect([added.id, added.slug, writer.name, writer.slug]).toEqual([null, null, 'b', null])
      off()
      await session.rollback()
      expect([writer.name, writer.slug]).toEqual(['a', null])
      session.add(added)
      await session.commit()
      expect(await session.query(Writer).count()).toBe(2)
    })

    it('a failure behind the listeners takes back what they have set', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const writer = new Writer({ name: 'a' })
      session.addAll([writer, new Label({ code: 'x', words: 'same' })])
      await session.commit()
      listen(Writer, 'beforeUpdate', ({ target }) => {
        target.slug = 'set'
        target.name = 'replaced'
      })
      writer.name = 'b'
      session.add(new Label({ code: 'y', words: 'same' }))
      await expect(session.flush()).rejects.toThrow()
      expect([writer.name, writer.slug]).toEqual(['b', null])
      await session.rollback()
      expect([writer.name, writer.slug]).toEqual(['a', null])
    })

    it('an audit trail can be written on the connection, in the same transaction', async () => {
      const { Sessions } = await openWriters(db)
      listen(Writer, 'afterInsert', async ({ target, connection }) => {
        await connection.execute(sql`insert into evt_trail (entry) values (${`made ${target.id}`})`)
      })
      await using session = Sessions()
      session.add(new Writer({ name: 'a' }))
      await session.flush()
      expect(await session.query(Trail).count()).toBe(1)
      await session.rollback()
      expect(await session.query(Trail).count()).toBe(0)
    })

    it('an instance without a net change is told of nothing, and one that takes over a deleted row is an insert', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const seen: string[] = []
      for (const name of around) listen(Label, name, ({ target }) => void seen.push(`${name} ${target.words}`))
      const old = new Label({ code: 'x', words: 'old' })
      session.add(old)
      await session.commit()
      seen.length = 0
      old.words = 'other'
      old.words = 'old'
      await session.flush()
      expect(seen).toEqual([])
      session.delete(old)
      session.add(new Label({ code: 'x', words: 'new' }))
      await session.commit()
      expect(seen).toEqual(['beforeInsert new', 'afterInsert new'])
    })

    it('a listener of a class hears instances of the classes below it, and not the other way; it can be taken away', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const seen: string[] = []
      const off = on(Writer, 'beforeInsert', ({ target }) => void seen.push(`writer ${target.name}`))
      listen(Poet, 'beforeInsert', ({ target }) => void seen.push(`poet ${target.name}`))
      listen(Writer, 'beforeInsert', ({ target }) => void seen.push(`first ${target.name}`), { prepend: true })
      session.addAll([new Writer({ name: 'w' }), new Poet({ name: 'p' })])
      await session.flush()
      expect(seen).toEqual(['first w', 'writer w', 'first p', 'writer p', 'poet p'])
      off()
      off()
      seen.length = 0
      session.add(new Writer({ name: 'x' }))
      await session.flush()
      expect(seen).toEqual(['first x'])
    })

    it('where nobody listens to an entity nothing is called for its rows', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      listen(Label, 'beforeInsert', () => {})
      const within = vi.spyOn(Gate.prototype, 'within')
      onTestFinished(() => within.mockRestore())
      session.addAll(Array.from({ length: 50 }, (_, n) => new Writer({ name: `w${n}` })))
      await session.flush()
      expect(within).toHaveBeenCalledTimes(0)
      session.addAll(Array.from({ length: 50 }, (_, n) => new Label({ code: `c${n}`, words: `w${n}` })))
      await session.flush()
      expect(within).toHaveBeenCalledTimes(1)
    })
  })

  describe('of instances', () => {
    it('init, load, refresh and expire are told with their target, once each', async () => {
      const { Sessions } = await openWriters(db)
      const seen: string[] = []
      for (const name of ['init', 'load', 'refresh', 'expire'] as const) {
        listen(Writer, name, ({ target, session }) => {
          seen.push(`${name} ${name === 'expire' ? '' : target.name}${session === undefined ? '' : ' in a session'}`)
        })
      }
      await Sessions.begin((session) => session.add(new Writer({ name: 'a' })))
      expect(seen).toEqual(['init a'])
      seen.length = 0
      await using session = Sessions()
      const writer = await session.getOne(Writer, 1)
      await session.query(Writer).all()
      await session.refresh(writer)
      session.expire(writer)
      await session.refresh(writer)
      expect(seen).toEqual([
        'load a in a session',
        'refresh a in a session',
        'expire  in a session',
        'refresh a in a session',
      ])
    })

    it('a listener of an event that happens at once must not be async', async () => {
      const { Sessions } = await openWriters(db)
      await Sessions.begin((session) => session.add(new Writer({ name: 'a' })))
      listen(Writer, 'load', async () => {
        throw new Error('nobody would hear this')
      })
      await using session = Sessions()
      await expect(session.query(Writer).all()).rejects.toThrow(/'load' returned a promise/)
    })
  })

  describe('of sessions', () => {
    it('EVT-002 a commit with changes tells the events in order; one of nothing tells beforeCommit and afterCommit, and no afterBegin', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      session.add(new Writer({ name: 'a' }))
      const seen = noteSession(session)
      await session.commit()
      expect(seen).toEqual([
        'beforeCommit',
        'beforeFlush',
        'afterBegin',
        'afterFlush',
        'afterFlushPostexec',
        'afterCommit',
        'afterTransactionEnd',
      ])
      seen.length = 0
      await session.commit()
      expect(seen).toEqual(['afterTransactionCreate', 'beforeCommit', 'afterCommit', 'afterTransactionEnd'])
    })

    it('EVT-003 a failing flush tells afterRollback once, and afterSoftRollback at once and again at rollback()', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      session.add(new Writer({ name: null as never }))
      const seen = noteSession(session)
      await expect(session.flush()).rejects.toThrow()
      const rollbacks = () => seen.filter((name) => name.endsWith('Rollback'))
      expect(rollbacks()).toEqual(['afterRollback', 'afterSoftRollback'])
      await session.rollback()
      expect(rollbacks()).toEqual(['afterRollback', 'afterSoftRollback', 'afterSoftRollback'])
    })

    it('EVT-004 afterBegin is told when a connection joins, not at begin()', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const seen = noteSession(session)
      await session.begin()
      expect(seen).toEqual(['afterTransactionCreate'])
      await session.execute(sql`select 1`)
      expect(seen).toEqual(['afterTransactionCreate', 'afterBegin'])
    })

    it('EVT-005 at beforeAttach an instance is in no set, at afterAttach it is; in afterCommit values are still there; SQL works in afterSoftRollback of an active session', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions({ expireOnCommit: true })
      const seen: unknown[] = []
      session.on('beforeAttach', ({ instance }) => seen.push(session.has(instance), session.new.size))
      session.on('afterAttach', ({ instance }) => seen.push(session.has(instance), session.new.size))
      const writer = new Writer({ name: 'a' })
      session.add(writer)
      expect(seen).toEqual([false, 0, true, 1])
      let inCommit: unknown
      session.on('afterCommit', () => {
        inCommit = writer.name
      })
      await session.commit()
      expect(inCommit).toBe('a')
      expect(() => writer.name).toThrow(/not loaded/)
      let counted: unknown
      session.on('afterSoftRollback', async () => {
        if (session.isActive) counted = await session.query(Writer).count()
      })
      await session.begin()
      const savepoint = await session.beginNested()
      await savepoint.rollback()
      expect(counted).toBe(1)
    })

    it('EVT-007 what afterFlush changes on clean instances is not lost: the next flush of the commit writes it, as with afterFlushPostexec', async () => {
      const { Sessions } = await openWriters(db)
      await using session = Sessions()
      const clean = new Writer({ name: 'clean' })
      session.add(clean)
      await session.commit()
      const seen = noteSession(session)
      for (const [event, slug] of [
        ['afterFlush', 'one'],
        ['afterFlushPostexec', 'two'],
      ] as const) {
        const off = session.on(event, () => {
          clean.slug = slug
        })
        seen.length = 0
        session.add(new Writer({ name: slug }))
        await session.commit()
        off()
        expect(seen.filter((name) => name === 'beforeFlush')).toHaveLength(2)
        expect(await session.scalar(sql`select slug from evt_writers where id = ${clean.id}`)).toBe(slug)
        await session.commit()
      }
    })
  })

  it('beforeFlush may add, change and delete: all of it is in the running flush', async () => {
    const { Sessions } = await openWriters(db)
    await using session = Sessions()
    const [kept, lost] = [new Writer({ name: 'kept' }), new Writer({ name: 'lost' })]
    session.addAll([kept, lost])
    await session.commit()
    session.on('beforeFlush', () => {
      kept.slug = 'changed'
      kept.books.add(new Book({ title: 'added' }))
      if (session.has(lost)) session.delete(lost)
    })
    session.add(new Trail({ entry: 'start' }))
    await session.flush()
    const stored = await session.execute(sql`select name, slug from evt_writers`)
    expect(stored.rows).toEqual([{ name: 'kept', slug: 'changed' }])
    expect(await session.scalar(sql`select count(*) from evt_books`).then(Number)).toBe(1)
  })
})

describe('attribute events', () => {
  it('set is told of columns with the old value, not where the value is the same, and can replace and refuse', () => {
    const seen: unknown[] = []
    listen(Writer, 'set', { property: 'name' }, (event) => {
      seen.push([event.value, event.oldValue])
      if (event.value === 'bad') throw new RangeError('refused')
      event.value = event.value.toUpperCase()
    })
    const writer = new Writer({ name: 'a' })
    expect(writer.name).toBe('A')
    writer.name = 'A'
    writer.name = 'b'
    expect(writer.name).toBe('B')
    expect(() => {
      writer.name = 'bad'
    }).toThrow(RangeError)
    expect(writer.name).toBe('B')
    writer.slug = 'unheard'
    expect(seen).toEqual([
      ['a', undefined],
      ['b', 'A'],
      ['bad', 'B'],
    ])
  })

  it('a replacement that the column cannot hold is refused like any other value', () => {
    listen(Writer, 'set', { property: 'edits' }, (event) => {
      event.value = 'many' as never
    })
    expect(() => new Writer({ name: 'a', edits: 1 })).toThrow(/Setting Writer\.edits/)
  })

  it('append, remove and set are told on both sides of a relation before anything changes', () => {
    const seen: string[] = []
    listen(Writer, 'append', { property: 'books' }, ({ target, value }) =>
      seen.push(`${target.name} + ${(value as Book).title}`),
    )
    listen(Writer, 'remove', ({ target, value }) => seen.push(`${target.name} - ${(value as Book).title}`))
    listen(Book, 'set', { property: 'writer' }, ({ target, value }) =>
      seen.push(`${target.title} of ${(value as Writer | null)?.name ?? 'nobody'}`),
    )
    const [ann, bob] = [new Writer({ name: 'ann' }), new Writer({ name: 'bob' })]
    const book = new Book({ title: 'one', writer: ann })
    expect(seen.splice(0)).toEqual(['one of ann', 'ann + one'])
    bob.books.add(book)
    expect(seen.splice(0)).toEqual(['bob + one', 'one of bob', 'ann - one'])
    bob.books.remove(book)
    expect(seen.splice(0)).toEqual(['bob - one', 'one of nobody'])
    book.writer = bob
    book.writer = null
    expect(seen.splice(0)).toEqual(['one of bob', 'bob + one', 'one of nobody', 'bob - one'])
  })

  it('a refusal of either side leaves both as they were, and an appended instance can be replaced', () => {
    const refused = on(Book, 'set', { property: 'writer' }, () => {
      throw new RangeError('refused')
    })
    const writer = new Writer({ name: 'ann' })
    const book = new Book({ title: 'one' })
    expect(() => writer.books.add(book)).toThrow(RangeError)
    expect([[...(writer.books as Iterable<Book>)], book.writer]).toEqual([[], null])
    refused()
    const other = new Book({ title: 'two' })
    listen(Writer, 'append', (event) => {
      event.value = other
    })
    writer.books.add(book)
    expect([[...(writer.books as Iterable<Book>)], book.writer, other.writer]).toEqual([[other], null, writer])
    expect(() => {
      book.writer = writer
    }).toThrow(InvalidRequestError)
    expect(book.writer).toBeNull()
  })

  it('what cannot be listened to is refused, with what was probably meant', () => {
    expect(() => on(Writer, 'beforeInsrt' as never, () => {})).toThrow(/did you mean 'beforeInsert'/)
    expect(() => on(Writer, 'set', { property: 'nam' as never }, () => {})).toThrow(/did you mean 'name'/)
    expect(() => on(Writer, 'load', 'no function' as never)).toThrow(ArgumentError)
    expect(() => on(Writer, 'load', { property: 'name' } as never, (() => {}) as never)).toThrow(/events of properties/)
    expect(() => on(class {} as never, 'load', () => {})).toThrow(MappingError)
  })
})
