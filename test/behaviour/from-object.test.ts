import { describe, expect, it } from 'vitest'
import { ArgumentError, fromObject, state } from '../../src/index.ts'
import { Author, Book } from '../workers/library.ts'

describe('fromObject()', () => {
  it('is the way back from toObject(), with relations, and what is there twice is one instance', () => {
    const shared = { id: 3, title: 'shared' }
    const author = fromObject(Author, { id: 1, name: 'ed', books: [shared, { ...shared }, { title: 'new' }] })
    expect([author instanceof Author, state(author).transient, author.id, author.name]).toEqual([true, true, 1, 'ed'])
    const books = author.toObject()['books'] as { title: string }[]
    expect(books.map(({ title }) => title)).toEqual(['shared', 'new'])
    const book = fromObject(Book, { title: 'one', author: { id: 2, name: 'jack' } })
    expect(fromObject(Book, structuredClone(book.toObject())).toObject()).toEqual(book.toObject())
    expect(fromObject(Book, { title: 'alone', author: null }).toObject()).toMatchObject({
      title: 'alone',
      author: null,
    })
  })

  it('refuses what is no such object, and says where', () => {
    const wrong: [unknown, RegExp][] = [
      [1, /fromObject\(Author\): an object as toObject\(\) gives it is needed, not 1/],
      [[], /not an array of 0/],
      [{ name: 'x', titel: 1 }, /there is no property 'titel'/],
      [{ name: 'x', books: {} }, /fromObject\(Author\)\.books: an array is needed/],
      [{ name: 'x', books: [1] }, /fromObject\(Author\)\.books\[0\]: an object/],
      [{ name: 1 }, /name/],
    ]
    for (const [plain, message] of wrong) {
      expect(() => fromObject(Author, plain as object)).toThrow(message)
      expect(() => fromObject(Author, plain as object)).toThrow(ArgumentError)
    }
  })
})
