import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openScope, scopedSession, sessionmaker, withSession } from '../../src/index.ts'
import { readRequestOptions } from '../../src/integrations/options.ts'
import { channels } from '../../src/support/index.ts'
import { repository } from '../support/repository.ts'

const page = (name: string) => readFileSync(join(repository, 'docs/reference', name), 'utf8')

/** The names in the first cells of the table that follows a text. */
function namesAfter(text: string, mark: string): string[] {
  const [, after = ''] = text.split(mark)
  const table = after.split('\n\n').find((part) => part.trimStart().startsWith('| ')) ?? ''
  return [...table.matchAll(/^\| `([\w:]+)` \|/gm)].map(([, name = '']) => name)
}

/** What a check of options says that it knows. */
function known(check: () => unknown): string[] {
  try {
    check()
  } catch (error) {
    return ((error as Error).message.split('Known options: ')[1] ?? '').split(', ')
  }
  return []
}

describe('the page of requests', () => {
  const Session = scopedSession(sessionmaker())
  const unknown = { 'no such option': 1 } as never

  it('has every option of integrations, withSession() and openScope(), and no other', () => {
    const text = page('requests.md')
    const integrations = known(() => readRequestOptions('heddle', Session, unknown, String))
    expect(namesAfter(text, '## Options').sort()).toEqual(integrations.sort())
    const handler = known(() => withSession(Session, () => 1, unknown))
    expect(namesAfter(text, '`withSession(Session, handler, options)`').sort()).toEqual(handler.sort())
    const scope = known(() => openScope(Session, unknown))
    expect(namesAfter(text, '`openScope(Session, options)`').sort()).toEqual(scope.sort())
  })

  it('has a table in which every cell holds', () => {
    const [, table = ''] = page('requests.md').split('<!-- table -->')
    expect(table).toMatch(/\| Fastify 5\.\d+\.\d+ \| Express 5/)
    expect(table).not.toContain('not on')
  })
})

describe('the page of events', () => {
  it('has every diagnostics channel and no other', () => {
    const names = [...Object.values(channels).map(({ name }) => String(name)), 'heddle:warning']
    expect(namesAfter(page('events.md'), '## Diagnostics channels').sort()).toEqual(names.sort())
  })
})
