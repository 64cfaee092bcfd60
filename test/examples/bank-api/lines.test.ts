import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, LineCutter, TOO_LONG } from '../../../examples/bank-api/lines.ts'

/** What a cutter gives for chunks, as texts. */
function cut(highest: number, chunks: readonly Buffer[]): (string | typeof TOO_LONG)[] {
  const cutter = new LineCutter(highest)
  const lines: Line[] = chunks.flatMap((chunk) => cutter.cut(chunk))
  return lines.map((line) => (line === TOO_LONG ? line : line.toString()))
}

const bytes = (text: string) => Buffer.from(text)

describe('the lines of a stream', () => {
  it('are the same however the network cuts them, also in the middle of a character', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n]/.test(text)))
    fc.assert(
      fc.property(texts, fc.array(fc.nat(40)), (lines, sizes) => {
        const whole = bytes(lines.map((line) => `${line}\n`).join(''))
        const chunks: Buffer[] = []
        let rest = whole
        for (const size of sizes) {
          chunks.push(rest.subarray(0, size))
          rest = rest.subarray(size)
        }
        expect(cut(10_000, [...chunks, rest])).toEqual(lines)
      }),
    )
  })

  it('end with a newline, or a carriage return and a newline', () => {
    expect(cut(10, [bytes('a\r\nb\n\n\r\nc\r'), bytes('\nd')])).toEqual(['a', 'b', '', '', 'c'])
  })

  it('may be as long as allowed and not one byte longer', () => {
    expect(cut(5, [bytes('12345\n123456\n12345\r\n123456\r\n1\n')])).toEqual([
      '12345',
      TOO_LONG,
      '12345',
      TOO_LONG,
      '1',
    ])
    expect(cut(2, [bytes('é\néa\n')])).toEqual(['é', TOO_LONG])
  })

  it('are told to be too long once, as soon as they are, and skipped without being kept', () => {
    const cutter = new LineCutter(100)
    const chunk = Buffer.alloc(64, 'x')
    expect(cutter.cut(chunk)).toEqual([])
    expect(cutter.cut(chunk)).toEqual([TOO_LONG])
    for (let times = 0; times < 100; times += 1) expect(cutter.cut(chunk)).toEqual([])
    expect(cutter.cut(bytes('end\nnext\n'))).toEqual([bytes('next')])
  })
})
