import { describe, expect, it } from 'vitest'
import { type DeclaredLifecycle, lifecycles } from '../../scripts/states.ts'
import { IllegalStateChangeError } from '../../src/index.ts'

/** Every state that a lifecycle names. */
function statesOf({ definition }: DeclaredLifecycle): string[] {
  const named = Object.values(definition.moves).flatMap(({ from, to, during, failsTo }) => [
    ...from,
    ...[to ?? []].flat(),
    ...[during ?? []].flat(),
    ...[failsTo ?? []].flat(),
  ])
  return [...new Set([definition.initial, ...named])]
}

/** The moves that lead from the beginning to each state where a machine can rest. */
function waysIn(lifecycle: DeclaredLifecycle): Map<string, readonly (readonly [move: string, to: string])[]> {
  const { definition } = lifecycle
  const ways = new Map<string, readonly (readonly [string, string])[]>([[definition.initial, []]])
  for (const [state, way] of ways) {
    for (const [name, { from, to }] of Object.entries(definition.moves)) {
      if (!from.includes(state)) continue
      for (const target of [to ?? state].flat()) if (!ways.has(target)) ways.set(target, [...way, [name, target]])
    }
  }
  return ways
}

for (const { title, of: lifecycle } of lifecycles) {
  const { definition } = lifecycle
  const moves = Object.entries(definition.moves)
  const ways = waysIn(lifecycle)
  const machineIn = (state: string) => {
    const machine = lifecycle.create()
    for (const [name, target] of ways.get(state) ?? []) machine.enter(name, target)
    expect(machine.state).toBe(state)
    return machine
  }

  describe(`the lifecycle '${title}'`, () => {
    it('can reach every state that it names', () => {
      const passing = new Set(moves.flatMap(([, { during }]) => during ?? []))
      expect(statesOf(lifecycle).filter((state) => !ways.has(state) && !passing.has(state))).toEqual([])
    })

    for (const state of ways.keys()) {
      for (const [name, move] of moves) {
        const targets = [move.to ?? state].flat()
        if (move.from.includes(state)) {
          it(`${name} in the state '${state}' leads to ${targets.join(' or ')}`, () => {
            for (const target of targets) {
              const machine = machineIn(state)
              machine.enter(name, target)
              expect(machine.state).toBe(target)
            }
            if (targets.length === 1) expect(lifecycle.next(state, name)).toBe(targets[0])
          })
        } else {
          it(`${name} in the state '${state}' is refused, and changes nothing`, () => {
            const machine = machineIn(state)
            expect(() => machine.enter(name)).toThrow(IllegalStateChangeError)
            expect(() => machine.run(name, () => 0)).toThrow(IllegalStateChangeError)
            expect(() => lifecycle.next(state, name)).toThrow(IllegalStateChangeError)
            expect(machine.state).toBe(state)
          })
        }
      }
    }

    for (const [running, { from }] of moves) {
      it(`while ${running} is under way every move is refused, and names both`, async () => {
        const machine = machineIn(from[0] as string)
        const { promise, resolve } = Promise.withResolvers<void>()
        const under = machine.run(running, () => promise)
        const during = machine.state
        for (const [name] of moves) {
          const refusal = expect.objectContaining({ message: expect.stringMatching(`${name}.*${running}`) })
          expect(() => machine.enter(name)).toThrow(refusal)
          expect(() => machine.run(name, () => 0)).toThrow(IllegalStateChangeError)
          expect(machine.state).toBe(during)
        }
        resolve()
        await under
        expect(machine.state).toBe([definition.moves[running]?.to ?? from[0]].flat()[0])
      })
    }
  })
}
