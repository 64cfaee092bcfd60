import { describe, expect, it } from 'vitest'
import { MappingError, UnmappedInstanceError } from '../../src/errors.ts'
import {
  adoptClass,
  classOf,
  defineEntity,
  integer,
  modelOf,
  modelOfInstance,
  nameOf,
  tryModelOf,
} from '../../src/mapping/index.ts'
import { plainEntity as entity } from './plain-entity.ts'

const definition = { id: integer().primaryKey() }
function sample() {
  class User extends entity('users', definition) {}
  class Admin extends User {}
  class Owner extends Admin {}
  return { User, Admin, Owner }
}

describe('the mapped class', () => {
  it('is the class that extends what entity() returned', () => {
    const { User } = sample()
    const model = modelOf(User)
    expect(model.table).toBe('users')
    expect(modelOf(User)).toBe(model)
    expect(classOf(model)).toBe(User)
    expect(model.entityClass).toBe(User)
    expect([nameOf(model), model.name]).toEqual(['User', 'User'])
  })

  it('is what entity() returned where nothing extends it', () => {
    const Log = entity('logs', definition)
    expect(classOf(modelOf(Log))).toBe(Log)
  })

  it('is found from an instance of a class below it, whichever comes first', () => {
    const { User, Owner } = sample()
    const model = tryModelOf(new Owner())
    expect(model).toBeDefined()
    expect(classOf(model!)).toBe(User)
    expect(modelOf(User)).toBe(model)
    expect(tryModelOf(Owner)).toBe(model)
    expect(modelOfInstance(new Owner(), 'session.add')).toBe(model)
    expect(adoptClass(Owner)).toBe(model)
  })

  it('is not known before its first use, and says so; the table names the entity until then', () => {
    const model = defineEntity('users', definition)
    expect(model.name).toBe('users')
    expect(() => model.entityClass).toThrow(MappingError)
    expect(() => classOf(model)).toThrow("The class of the table 'users' is not known yet")
  })

  it('an anonymous class is named by its table', () => {
    const model = modelOf((() => class extends entity('users', definition) {})())
    expect(nameOf(model)).toBe('users')
  })

  it('a class below it cannot be queried itself', () => {
    const { Admin } = sample()
    expect(() => modelOf(Admin)).toThrow(MappingError)
    expect(() => modelOf(Admin)).toThrow(
      'Admin is a class below the entity User and has no rows of its own: use User. Instances of Admin can be added; ' +
        'what is loaded is a User.',
    )
  })

  it('is one for each entity()', () => {
    const base = entity('users', definition)
    class First extends base {}
    class Second extends base {}
    modelOf(First)
    expect(() => modelOf(Second)).toThrow(
      "Second cannot be mapped to the table 'users', which belongs to the class First",
    )
    expect(() => modelOf(base)).toThrow(
      "The table 'users' belongs to First: use that class, not what entity() returned.",
    )
    expect(classOf(modelOf(First))).toBe(First)
  })

  it('is not taken from what entity() returned once this was used itself', () => {
    const base = entity('users', definition)
    modelOf(base)
    class Late extends base {}
    expect(() => modelOf(Late)).toThrow('which belongs to what entity() returned, which was used itself')
  })
})

describe('what is no entity', () => {
  it.each<[string, unknown, string]>([
    ['a plain class', class Plain {}, 'An entity class is needed, but Plain is none: let it extend entity('],
    ['undefined', undefined, 'got undefined; is an import circular, or a class used above its declaration?'],
    ['null', null, 'An entity class is needed, got null.'],
    ['a name', 'User', "got 'User' (string)."],
    ['an object', {}, 'got an object.'],
    ['an object without a prototype', Object.create(null), 'got an object.'],
  ])('%s is refused by modelOf and unknown to tryModelOf', (_, value, reason) => {
    expect(() => modelOf(value)).toThrow(MappingError)
    expect(() => modelOf(value)).toThrow(reason)
    expect(tryModelOf(value)).toBeUndefined()
  })

  it('an instance is not its class', () => {
    const { User } = sample()
    modelOf(User)
    expect(() => modelOf(new User())).toThrow('An entity class is needed, not an instance of it: write User.')
  })

  it('SES-035 an unmapped object is refused by the name of the call', () => {
    const { User } = sample()
    const refused = (value: unknown) => () => modelOfInstance(value, 'session.add')
    expect(refused({ id: 1 })).toThrow(UnmappedInstanceError)
    expect(refused({ id: 1 })).toThrow('session.add takes an instance of an entity class, got an object.')
    expect(refused(5)).toThrow('got 5 (number).')
    expect(refused(User)).toThrow('got User (function); make one with new User(…).')
    expect(refused(class Plain {})).toThrow('got Plain (function).')
  })

  it('a property cannot pretend a class', () => {
    const { User } = sample()
    expect(tryModelOf({ constructor: User })).toBeUndefined()
  })
})
