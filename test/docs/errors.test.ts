import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.ts'
import { repository } from '../support/repository.ts'

type ErrorClass = (new (message: string) => errors.HeddleError) & { readonly code?: string }

/** What the code says of each class, as the page's cells have it. */
const classes = Object.values(errors as unknown as Record<string, ErrorClass>).map((each) => ({
  name: each.name,
  parent: (Object.getPrototypeOf(each) as { readonly name: string }).name,
  code: new each('').code,
}))

const rows = readFileSync(join(repository, 'docs/reference/errors.md'), 'utf8')
  .split('\n')
  .map((line) => /^\| `(\w+)` \| `(\w+)` \| `(\w+)` \| (.+) \| (.+) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, name, parent, code, when, what]) => ({ name, parent, code, when, what }))

describe('the page of errors', () => {
  it('has every class with its parent and its code, and none that does not exist', () => {
    const byName = (a: { readonly name?: string | undefined }, b: { readonly name?: string | undefined }) =>
      (a.name ?? '').localeCompare(b.name ?? '')
    const told = rows.map(({ name, parent, code }) => ({ name, parent, code }))
    expect(told.sort(byName)).toEqual([...classes].sort(byName))
  })

  it('gives every class a code of its own', () => {
    const codes = classes.map(({ code }) => code)
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([])
  })

  it('says of every class when it is thrown and what to do', () => {
    expect(rows.filter(({ when = '', what = '' }) => when.trim() === '' || what.trim() === '')).toEqual([])
    expect(rows.length).toBeGreaterThan(0)
  })
})
