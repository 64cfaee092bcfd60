import { afterEach, describe, expect, it } from 'vitest'
import { IllegalStateChangeError } from '../../src/errors.ts'
import { defineLifecycle, describeLifecycle, setTracing } from '../../src/support/index.ts'
import { deferred } from './deferred.ts'

afterEach(() => setTracing(false))

const work = defineLifecycle({
  name: 'unit of work',
  initial: 'active',
  moves: {
    prepare: { from: ['active'], to: 'prepared' },
    commit: { from: ['active', 'prepared'], to: ['committed', 'rolled back'], during: 'committing' },
    push: { from: ['active'], to: 'active', during: 'pushing', failsTo: 'broken' },
    close: { from: ['active', 'prepared', 'committed', 'rolled back', 'closed'], to: 'closed' },
    look: { from: ['active'] },
    finish: { from: ['active'], to: 'closed' },
  },
})

describe('a lifecycle', () => {
  it('moves at once along the declared moves, and refuses all others with the state as before', () => {
    const machine = work.create()
    machine.enter('prepare')
    expect(machine.state).toBe('prepared')
    expect(() => machine.enter('prepare')).toThrow(IllegalStateChangeError)
    expect(() => machine.enter('prepare')).toThrow("prepare() is allowed only in 'active'")
    expect(machine.state).toBe('prepared')
  })

  it('moves when the work of a method has ended, and shows the state in between', async () => {
    const machine = work.create()
    const gate = deferred<number>()
    const running = machine.run('push', () => gate.promise)
    expect(machine.state).toBe('pushing')
    expect(machine.running).toBe('push')
    gate.resolve(4)
    await expect(running).resolves.toBe(4)
    expect(machine.state).toBe('active')
    expect(machine.running).toBeUndefined()
  })

  it('runs synchronous work within the call', () => {
    const machine = work.create()
    expect(machine.run('prepare', () => 'value')).toBe('value')
    expect(machine.state).toBe('prepared')
  })

  it('checks without moving, and leaves the state to a method that declares none', async () => {
    const machine = work.create()
    expect(machine.allows('look')).toBe(true)
    machine.check('look')
    await machine.run('look', async () => {})
    machine.enter('look')
    expect(machine.state).toBe('active')
    machine.enter('close')
    expect(machine.allows('look')).toBe(false)
    expect(() => machine.check('look')).toThrow(IllegalStateChangeError)
  })

  it('refuses every other method while one is under way, and names both calls and where they were made', async () => {
    setTracing(true)
    const machine = work.create('transaction 7')
    const gate = deferred()
    const running = machine.run('push', () => gate.promise)
    const collide = () => machine.enter('close')
    expect(collide).toThrow(IllegalStateChangeError)
    expect(collide).toThrow(/Illegal close\(\) on transaction 7: push\(\) is under way/)
    expect(collide).toThrow(/push\(\) was called\n.*lifecycle\.test[\s\S]*close\(\) was called\n.*lifecycle\.test/)
    expect(() => machine.run('close', () => {})).toThrow(/push\(\) is under way/)
    expect(() => machine.check('close')).toThrow(/push\(\) is under way/)
    gate.resolve()
    await running
    machine.enter('close')
    expect(machine.state).toBe('closed')
  })

  it('goes back to the state before when the work fails, or to the one declared for failures', async () => {
    const machine = work.create()
    const boom = new Error('boom')
    await expect(machine.run('commit', () => Promise.reject(boom))).rejects.toBe(boom)
    expect(machine.state).toBe('active')
    expect(() =>
      machine.run('push', () => {
        throw boom
      }),
    ).toThrow(boom)
    expect(machine.state).toBe('broken')
    expect(machine.running).toBeUndefined()
  })

  it('lets a method with several end states choose one of them', async () => {
    const machine = work.create()
    await machine.run('commit', async () => {
      await Promise.resolve()
      machine.become('rolled back')
    })
    expect(machine.state).toBe('rolled back')
    expect(() => machine.become('closed')).toThrow('no method runs')
  })

  it('GUARD-009 a method that does not move at all is an error, with the state as before', async () => {
    const machine = work.create()
    await expect(machine.run('commit', async () => {})).rejects.toThrow('commit() did not move the state at all')
    expect(machine.state).toBe('active')
    expect(() => machine.enter('commit')).toThrow('must say to which of its states it leads')
    machine.enter('commit', 'committed')
    expect(machine.state).toBe('committed')
  })

  it('GUARD-009 a method that ends in a state other than the declared one is an error, with the state as before', () => {
    const machine = work.create()
    const wrong = () => machine.run('finish', () => machine.expecting('prepared', () => machine.enter('prepare')))
    expect(wrong).toThrow(IllegalStateChangeError)
    expect(wrong).toThrow("finish() ended in the state 'prepared', but leads to 'closed'")
    expect(machine.state).toBe('active')
    expect(machine.running).toBeUndefined()
    expect(() => machine.run('commit', () => machine.become('closed'))).toThrow("commit() may not lead to 'closed'")
    expect(machine.state).toBe('active')
  })

  it('GUARD-010 a nested method must have been announced; after the error the state is as before', () => {
    const machine = work.create()
    const unannounced = () => machine.run('finish', () => machine.enter('close'))
    expect(unannounced).toThrow(IllegalStateChangeError)
    expect(unannounced).toThrow('finish() is under way')
    expect(machine.state).toBe('active')
    machine.run('finish', () => machine.expecting('closed', () => machine.enter('close')))
    expect(machine.state).toBe('closed')
  })

  it('GUARD-010 an announcement holds for one call, in the same breath, that leads where it says', async () => {
    const machine = work.create()
    const elsewhere = () => machine.run('finish', () => machine.expecting('prepared', () => machine.enter('close')))
    expect(elsewhere).toThrow("close() leads to 'closed', but a move to 'prepared' was announced")
    expect(machine.state).toBe('active')
    const nothing = () => machine.run('finish', () => machine.expecting('closed', () => {}))
    expect(nothing).toThrow("announced a move to 'closed' that no call made")
    expect(machine.state).toBe('active')
    const tooLate = async () => {
      await Promise.resolve()
      machine.enter('look')
    }
    const late = () => machine.run('finish', () => machine.expecting('active', () => void tooLate()))
    expect(late).toThrow("announced a move to 'active' that no call made")
  })

  it('nested asynchronous methods move in turn, and outsiders stay out all the while', async () => {
    const machine = work.create()
    const gate = deferred()
    const outer = machine.run('finish', async () => {
      await machine.expecting('prepared', () => machine.run('prepare', () => gate.promise))
      expect(machine.state).toBe('prepared')
      expect(machine.running).toBe('finish')
      await machine.expecting('closed', () => machine.run('close', async () => {}))
    })
    expect(machine.running).toBe('prepare')
    expect(() => machine.enter('close')).toThrow('prepare() is under way')
    gate.resolve()
    await outer
    expect(machine.state).toBe('closed')
  })

  it('counts what a nested method with work of its own did as a move of the one around it', () => {
    const machine = work.create()
    const nested = () => machine.expecting('prepared', () => machine.run('prepare', () => {}))
    expect(() => machine.run('finish', nested)).toThrow("finish() ended in the state 'prepared', but leads to 'closed'")
    expect(machine.state).toBe('active')
    const failing = () =>
      machine.run('finish', () => {
        nested()
        throw new Error('boom')
      })
    expect(failing).toThrow('boom')
    expect(machine.state).toBe('prepared')
  })

  it('keeps where a nested method has led when the method around it fails later', async () => {
    const machine = work.create()
    const boom = new Error('boom')
    const outer = machine.run('finish', async () => {
      machine.expecting('closed', () => machine.enter('close'))
      throw boom
    })
    await expect(outer).rejects.toBe(boom)
    expect(machine.state).toBe('closed')
  })

  it('describes its moves as a diagram', () => {
    const door = defineLifecycle({
      name: 'door',
      initial: 'wide open',
      moves: {
        close: { from: ['wide open'], to: 'closed', during: 'closing', failsTo: 'stuck' },
        open: { from: ['closed'], to: 'wide open' },
        knock: { from: ['closed'] },
      },
    })
    expect(describeLifecycle(door.definition).split('\n')).toEqual([
      'stateDiagram-v2',
      '  [*] --> wide_open',
      '  wide_open --> closing: close()',
      '  closing --> closed: done',
      '  closing --> stuck: close() fails',
      '  closed --> wide_open: open()',
      '  closed --> closed: knock()',
    ])
  })
})
