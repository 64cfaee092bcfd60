/** Writes docs/reference/states.md from the lifecycles that the code declares. A test fails where the page is not up to date. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectionLifecycle } from '../src/engine/circuit.ts'
import { transactionLifecycle as connectionTransactionLifecycle } from '../src/engine/transaction-stack.ts'
import { slotLifecycle } from '../src/pool/index.ts'
import { sessionLifecycle } from '../src/session/session-lifecycle.ts'
import { transactionLifecycle as sessionTransactionLifecycle } from '../src/session/session-transaction.ts'
import { instanceLifecycle } from '../src/state/index.ts'
import { describeLifecycle, type LifecycleDefinition, type Move } from '../src/support/index.ts'

/** A lifecycle as this page and the tests see it, whatever its states are called. */
export interface DeclaredLifecycle {
  readonly definition: LifecycleDefinition<string, string>
  create(): {
    readonly state: string
    enter(method: string, to?: string): void
    run<T>(method: string, work: () => T): T
    become(state: string): void
  }
  next(state: string, method: string): string
}

/** Every lifecycle of the code, with what it is the life of. */
export const lifecycles: readonly { readonly title: string; readonly text: string; readonly of: DeclaredLifecycle }[] =
  [
    {
      title: 'A place in the pool',
      text: 'What a pool keeps one connection in. `ready` is open and promised to somebody, or on its way back; only `idle` ones are free.',
      of: asDeclared(slotLifecycle),
    },
    {
      title: 'Connection',
      text: 'What `engine.connect()` gives, until `close()`. A driver connection that is lost is replaced inside of it.',
      of: asDeclared(connectionLifecycle),
    },
    {
      title: 'Transaction of a connection',
      text: 'Also each savepoint. `failed` can only be rolled back; `prepared` is the first half of a two-phase commit.',
      of: asDeclared(connectionTransactionLifecycle),
    },
    {
      title: 'Session',
      text: 'A session that is closed by hand is `quiet` again; `closed` is one whose block or scope has ended, and that for good.',
      of: asDeclared(sessionLifecycle),
    },
    {
      title: 'Transaction of a session',
      text: 'Also each savepoint. `provisioning`: a connection is being obtained, and nothing else may happen. `deactive`: a flush has failed.',
      of: asDeclared(sessionTransactionLifecycle),
    },
    {
      title: 'Instance',
      text: 'As `state(x)` tells it. Listeners hear of transitions by these names.',
      of: asDeclared(instanceLifecycle),
    },
  ]

function asDeclared(lifecycle: { readonly definition: unknown }): DeclaredLifecycle {
  return lifecycle as unknown as DeclaredLifecycle
}

/** The page's text. */
export function statesPage(): string {
  return [
    '# States',
    '',
    'What may happen to what, and when. This page is written by `node scripts/states.ts` from the declarations that the code moves by;',
    'a move that is not here is an `IllegalStateChangeError`.',
    ...lifecycles.flatMap(sectionOf),
    '',
  ].join('\n')
}

function sectionOf({ title, text, of: { definition } }: (typeof lifecycles)[number]): string[] {
  const moves = Object.entries<Move<string>>(definition.moves)
  return [
    '',
    `## ${title}`,
    '',
    text,
    '',
    '```mermaid',
    describeLifecycle(definition),
    '```',
    '',
    '| move | from | to |',
    '| --- | --- | --- |',
    ...moves.map(([name, move]) => `| ${name} | ${move.from.join(', ')} | ${targetOf(move)} |`),
  ]
}

function targetOf({ to, during }: Move<string>): string {
  const target = [to ?? 'the same'].flat().join(' or ')
  return during === undefined ? target : `${during}, then ${target}`
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../docs/reference/states.md'), statesPage())
