import { expect, it } from 'vitest'
import { LONGEST_LINE } from '../../../examples/bank-api/protocol.ts'
import { onEvery } from '../../support/index.ts'
import { line, openBank, rawClient } from './open-bank.ts'

/** The code of an answer that says no. */
function codeOf(answer: Record<string, unknown> | undefined): unknown {
  expect(answer).toMatchObject({ ok: false, error: { message: expect.any(String) } })
  return (answer?.['error'] as { code?: string } | undefined)?.code
}

onEvery({}, (db) => {
  it('the bank answers every operation', async () => {
    const { bank, faults } = await openBank(db)
    const client = await rawClient(bank)
    await client.send(line({ id: 'a', op: 'open', owner: 'Ada', amount: 100 }))
    await client.send(line({ id: 'b', op: 'open', owner: 'Bo' }))
    await client.send(line({ id: 1, op: 'deposit', account: 2, amount: 7 }))
    await client.send(line({ id: 2, op: 'transfer', from: 1, to: 2, amount: 30 }))
    await client.send(line({ id: 3, op: 'balance', account: 1 }))
    await client.send(line({ id: 4, op: 'history', account: 2, limit: 1 }))
    await client.send(line({ id: 5, op: 'statement', account: 2 }))
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
    expect(await client.read(7)).toEqual([
      { id: 'a', ok: true, account: 1, owner: 'Ada', balance: 100 },
      { id: 'b', ok: true, account: 2, owner: 'Bo', balance: 0 },
      { id: 1, ok: true, account: 2, owner: 'Bo', balance: 7 },
      {
        id: 2,
        ok: true,
        from: { account: 1, owner: 'Ada', balance: 70 },
        to: { account: 2, owner: 'Bo', balance: 37 },
        amount: 30,
      },
      { id: 3, ok: true, account: 1, owner: 'Ada', balance: 70 },
      {
        id: 4,
        ok: true,
        account: 2,
        entries: [{ entry: expect.any(Number), amount: 30, balance: 37, reason: 'transfer', other: 1, at }],
      },
      { id: 5, ok: true, account: 2, owner: 'Bo', entries: 2, deposited: 7, received: 30, sent: 0, balance: 37 },
    ])
    expect(faults).toEqual([])
  })

  it('history goes on before an entry, and never repeats one', async () => {
    const { bank } = await openBank(db)
    const client = await rawClient(bank)
    await client.send(line({ op: 'open', owner: 'Ada', amount: 1 }))
    for (const amount of [2, 3, 4]) await client.send(line({ op: 'deposit', account: 1, amount }))
    await client.send(line({ op: 'history', account: 1, limit: 2 }))
    const first = (await client.read(5))[4]?.['entries'] as { entry: number; amount: number }[]
    await client.send(line({ op: 'history', account: 1, before: first[1]?.entry }))
    const second = (await client.read(1))[0]?.['entries'] as { amount: number }[]
    expect([...first, ...second].map(({ amount }) => amount)).toEqual([4, 3, 2, 1])
  })

  it('lines that are no requests get an error with a code, and the connection serves on', async () => {
    const { bank, meter, faults } = await openBank(db)
    const client = await rawClient(bank)
    const bad: (readonly [string | Buffer, string, unknown])[] = [
      ['{"id":1,\n', 'malformed', null],
      ['\n', 'malformed', null],
      ['[1]\n', 'malformed', null],
      ['null\n', 'malformed', null],
      ['{"id":2}\n', 'malformed', 2],
      ['{"id":{},"op":"balance"}\n', 'malformed', null],
      ['{"id":3,"op":7}\n', 'malformed', 3],
      [Buffer.from([0x22, 0xff, 0x22, 0x0a]), 'malformed', null],
      ['{"id":4,"op":"steal"}\n', 'unknown_operation', 4],
      ['{"id":5,"op":"toString"}\n', 'unknown_operation', 5],
      [`{"id":6,"op":"open","owner":"${'x'.repeat(LONGEST_LINE)}"}\n`, 'line_too_long', null],
    ]
    for (const [bytes] of bad) await client.send(bytes)
    await client.send(line({ id: 'after', op: 'open', owner: 'Ada' }))
    const answers = await client.read(bad.length + 1)
    expect(answers.slice(0, -1).map((answer) => [codeOf(answer), answer['id']])).toEqual(
      bad.map(([, code, id]) => [code, id]),
    )
    expect(answers.at(-1)).toMatchObject({ id: 'after', ok: true, account: 1 })
    expect([meter.commits, meter.rollbacks]).toEqual([1, 0])
    expect(faults).toEqual([])
  })

  it('arguments are checked one by one, before any transaction', async () => {
    const { bank, meter } = await openBank(db)
    const client = await rawClient(bank)
    const bad: object[] = [
      { op: 'open' },
      { op: 'open', owner: '  ' },
      { op: 'open', owner: 'x'.repeat(101) },
      { op: 'open', owner: 'a\0b' },
      { op: 'open', owner: '\ud800' },
      { op: 'open', owner: 'Ada', amount: null },
      { op: 'open', owner: 'Ada', amuont: 5 },
      { op: 'deposit', account: 1 },
      { op: 'deposit', account: '1', amount: 5 },
      { op: 'balance', account: 2 ** 31 },
      { op: 'history', account: 1, limit: 101 },
      ...[0, -1, 0.5, 2 ** 53, '5', true, null, [5]].map((amount) => ({ op: 'transfer', from: 1, to: 2, amount })),
    ]
    for (const request of bad) await client.send(line(request))
    expect((await client.read(bad.length)).map(codeOf)).toEqual(bad.map(() => 'invalid_argument'))
    expect([meter.commits, meter.rollbacks]).toEqual([0, 0])
  })

  it('what the bank refuses changes nothing', async () => {
    const { bank, meter, faults } = await openBank(db)
    const client = await rawClient(bank)
    await client.send(line({ op: 'open', owner: 'Ada', amount: 100 }))
    await client.send(line({ op: 'open', owner: 'Bo', amount: Number.MAX_SAFE_INTEGER }))
    await client.send(line({ op: 'transfer', from: 1, to: 2, amount: 101 }))
    await client.send(line({ op: 'transfer', from: 1, to: 1, amount: 1 }))
    await client.send(line({ op: 'transfer', from: 1, to: 9, amount: 1 }))
    await client.send(line({ op: 'transfer', from: 9, to: 1, amount: 1 }))
    await client.send(line({ op: 'transfer', from: 1, to: 2, amount: 1 }))
    await client.send(line({ op: 'deposit', account: 2, amount: 1 }))
    await client.send(line({ op: 'statement', account: 9 }))
    const codes = (await client.read(9)).slice(2).map(codeOf)
    expect(codes).toEqual([
      'insufficient_funds',
      'same_account',
      'unknown_account',
      'unknown_account',
      'balance_limit',
      'balance_limit',
      'unknown_account',
    ])
    await client.send(line({ op: 'statement', account: 1 }))
    await client.send(line({ op: 'statement', account: 2 }))
    const statements = await client.read(2)
    expect(statements.map(({ entries, balance }) => [entries, balance])).toEqual([
      [1, 100],
      [1, Number.MAX_SAFE_INTEGER],
    ])
    expect(meter.commits).toBe(4)
    expect(faults).toEqual([])
  })

  it('many lines in one packet, and one line in many, are answered in their order', async () => {
    const { bank } = await openBank(db)
    const client = await rawClient(bank)
    const requests = Array.from({ length: 300 }, (_, id) => line({ id, op: 'nothing' }))
    await client.send(requests.join(''))
    for (const byte of Buffer.from(line({ id: 'slow', op: 'open', owner: 'Zoë 🦆 日本' }))) {
      await client.send(Buffer.from([byte]))
    }
    const answers = await client.read(301)
    expect(answers.slice(0, 300).map(({ id }) => id)).toEqual(requests.map((_, id) => id))
    expect(answers[300]).toEqual({ id: 'slow', ok: true, account: 1, owner: 'Zoë 🦆 日本', balance: 0 })
  })

  it('a client far ahead of its answers is caught up with, and others are served meanwhile', async () => {
    const { bank } = await openBank(db)
    const ahead = await rawClient(bank)
    const other = await rawClient(bank)
    await other.send(line({ op: 'open', owner: 'Ada' }))
    await other.read(1)
    const deposits = Array.from({ length: 600 }, (_, id) => line({ id, op: 'deposit', account: 1, amount: 1 }))
    await ahead.send(deposits.join(''))
    await other.send(line({ id: 'meanwhile', op: 'balance', account: 1 }))
    const [meanwhile] = await other.read(1)
    expect(meanwhile).toMatchObject({ ok: true, id: 'meanwhile' })
    expect(meanwhile?.['balance']).toBeLessThan(600)
    const answers = await ahead.read(600)
    expect(answers.map(({ id, balance }) => [id, balance])).toEqual(deposits.map((_, id) => [id, id + 1]))
  })
})
