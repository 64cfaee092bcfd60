import { describe, expect, it } from 'vitest'
import { EventHub } from '../../src/support/index.ts'

interface Events {
  saved: { id: number }
  failed: string
}

describe('an event hub', () => {
  it('calls the listeners of one event in order, prepended ones first', () => {
    const hub = new EventHub<Events>()
    const heard: string[] = []
    hub.on('saved', ({ id }) => heard.push(`a${id}`))
    hub.on('saved', ({ id }) => heard.push(`b${id}`))
    hub.on('saved', ({ id }) => heard.push(`c${id}`), { prepend: true })
    hub.on('failed', () => heard.push('other'))
    hub.emit('saved', { id: 1 })
    expect(heard).toEqual(['c1', 'a1', 'b1'])
  })

  it('tells whether anybody listens, here or in a parent', () => {
    const parent = new EventHub<Events>()
    const hub = new EventHub<Events>(parent)
    expect(hub.has('saved')).toBe(false)
    const off = parent.on('saved', () => {})
    expect(hub.has('saved')).toBe(true)
    off()
    expect(hub.has('saved')).toBe(false)
    hub.on('saved', () => {}, { once: true })
    expect(hub.has('saved')).toBe(true)
    expect(parent.has('saved')).toBe(false)
    hub.emit('saved', { id: 1 })
    expect(hub.has('saved')).toBe(false)
  })

  it('lets the listeners of a parent hear what happens in the child, before its own, and not the other way round', async () => {
    const parent = new EventHub<Events>()
    const hub = new EventHub<Events>(parent)
    const heard: string[] = []
    hub.on('failed', (what) => heard.push(`child ${what}`))
    parent.on('failed', (what) => heard.push(`parent ${what}`))
    hub.emit('failed', '1')
    parent.emit('failed', '2')
    await hub.emitAsync('failed', '3')
    expect(heard).toEqual(['parent 1', 'child 1', 'parent 2', 'parent 3', 'child 3'])
  })

  it('calls a once listener once, also when it emits the same event itself', async () => {
    const hub = new EventHub<Events>()
    let calls = 0
    hub.on(
      'saved',
      () => {
        calls++
        hub.emit('saved', { id: 2 })
      },
      { once: true },
    )
    hub.emit('saved', { id: 1 })
    await Promise.all([hub.emitAsync('saved', { id: 3 }), hub.emitAsync('saved', { id: 4 })])
    expect(calls).toBe(1)
  })

  it('throws what a listener throws, and those behind it are not called', async () => {
    const hub = new EventHub<Events>()
    let behind = 0
    hub.on('failed', (what) => {
      throw new Error(what)
    })
    hub.on('failed', () => behind++)
    expect(() => hub.emit('failed', 'boom')).toThrow('boom')
    await expect(hub.emitAsync('failed', 'boom')).rejects.toThrow('boom')
    expect(behind).toBe(0)
  })

  it('awaits each listener before the next when it emits asynchronously', async () => {
    const hub = new EventHub<Events>()
    const heard: string[] = []
    hub.on('saved', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      heard.push('slow')
    })
    hub.on('saved', () => heard.push('fast'))
    await hub.emitAsync('saved', { id: 1 })
    expect(heard).toEqual(['slow', 'fast'])
  })

  it('takes a listener away by the function it got, or by the listener', () => {
    const hub = new EventHub<Events>()
    let calls = 0
    const listener = () => calls++
    const off = hub.on('saved', listener)
    hub.on('saved', listener)
    hub.emit('saved', { id: 1 })
    off()
    off()
    hub.emit('saved', { id: 2 })
    hub.off('saved', listener)
    hub.off('saved', listener)
    hub.emit('saved', { id: 3 })
    expect(calls).toBe(3)
  })

  it('lets listeners add and remove listeners while an event is emitted', () => {
    const hub = new EventHub<Events>()
    const heard: string[] = []
    const off = hub.on('saved', () => {
      heard.push('first')
      off()
      hub.on('saved', () => heard.push('added'))
    })
    hub.on('saved', () => heard.push('second'))
    hub.emit('saved', { id: 1 })
    hub.emit('saved', { id: 2 })
    expect(heard).toEqual(['first', 'second', 'second', 'added'])
  })
})
