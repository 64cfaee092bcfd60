import { describe, expect, it } from 'vitest'
import { entity, integer, text, uuid } from '../../src/index.ts'
import { generatedReader, loopingReader, type RowLayout, RowReader } from '../../src/loading/row-reader.ts'
import { modelOf } from '../../src/mapping/index.ts'

class Plain extends entity('reader_plain', { id: integer().primaryKey(), name: text() }) {}
class Folded extends entity('reader_folded', { name: text(), id: uuid().primaryKey() }) {}
class Double extends entity('reader_double', {
  row: integer().primaryKey(),
  name: text(),
  place: integer().primaryKey(),
}) {}

const upper = ((value: string) => value.toUpperCase()) as never
const layouts: Readonly<Record<string, RowLayout>> = {
  'a key that is its own identity': { model: modelOf(Plain), decoders: [[1, upper]], keyPlaces: [0] },
  'a key with another form of it': { model: modelOf(Folded), decoders: [[0, upper]], keyPlaces: [1] },
  'a key of two columns': { model: modelOf(Double), decoders: [[1, upper]], keyPlaces: [0, 2] },
  'nothing to decode': { model: modelOf(Plain), decoders: [], keyPlaces: [0] },
}
const rows: Readonly<Record<string, readonly unknown[][]>> = {
  'a key that is its own identity': [
    [1, 'a'],
    [2, null],
    [null, 'c'],
  ],
  'a key with another form of it': [
    ['a', 'AAAAAAAA-0000-4000-8000-000000000000'],
    [null, null],
  ],
  'a key of two columns': [
    [1, 'a', 2],
    [1, null, null],
  ],
  'nothing to decode': [[7, 'as it is'], [undefined]],
}

describe('rows are read alike by a loop and by generated code', () => {
  for (const [name, layout] of Object.entries(layouts)) {
    it(name, () => {
      const generated = generatedReader(layout)
      expect(generated).toBeDefined()
      const looping = loopingReader(layout)
      for (const row of rows[name] ?? []) {
        const [one, other] = [row.slice(), row.slice()]
        expect(generated?.(one)).toEqual(looping(other))
        expect(one).toEqual(other)
      }
    })
  }

  it('code is generated for a selection that brings many rows, and the loop stays where it must not be', () => {
    const layout = layouts['a key of two columns'] as RowLayout
    const reader = new RowReader(layout)
    const first = reader.for(10)
    expect(reader.for(10)).toBe(first)
    const later = reader.for(1_000)
    expect(later).not.toBe(first)
    expect(reader.for(1_000)).toBe(later)
    const RealFunction = globalThis.Function
    globalThis.Function = new Proxy(RealFunction, {
      construct() {
        throw new EvalError('Code generation from strings disallowed for this context')
      },
    })
    try {
      const bound = new RowReader(layout)
      const loop = bound.for(10)
      expect(bound.for(1_000)).toBe(loop)
    } finally {
      globalThis.Function = RealFunction
    }
  })
})
