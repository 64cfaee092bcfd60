import { describe, expect, it } from 'vitest'
import { MappingError } from '../../src/errors.ts'
import {
  integer,
  manyToMany,
  manyToOne,
  modelOf,
  oneToMany,
  oneToOne,
  type RelationModel,
  relationsOf,
  text,
} from '../../src/mapping/index.ts'
import { plainEntity as entity } from './plain-entity.ts'

const id = integer().primaryKey()

class User extends entity('users', {
  id,
  get addresses() {
    return oneToMany(() => Address, {
      backPopulates: 'user',
      cascade: 'all, delete-orphan',
      orderBy: [['email', 'desc']],
    })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users' })
  },
  get profile() {
    return oneToOne(() => Profile, { backPopulates: 'user' })
  },
}) {}
class Address extends entity('addresses', {
  id,
  email: text(),
  userId: integer().references('users.id'),
  parentId: integer().nullable().references('addresses.id'),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'addresses' })
  },
  get parent() {
    return manyToOne(() => Address, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Address, { foreignKey: ['parentId'], backPopulates: 'parent' })
  },
}) {}
class Group extends entity('groups', {
  id,
  users: manyToMany(() => User, { through: 'user_groups', backPopulates: 'groups' }),
}) {}
class Profile extends entity('profiles', {
  userId: integer().primaryKey().references('users.id'),
  get user() {
    return oneToOne(() => User, { foreignKey: 'userId', backPopulates: 'profile' })
  },
}) {}

describe('relationsOf', () => {
  it('gives the relations of an entity, evaluated and frozen, the same at each call', () => {
    const relations = relationsOf(modelOf(User))
    expect([...relations.keys()]).toEqual(['addresses', 'groups', 'profile'])
    const addresses = relations.get('addresses') as RelationModel
    expect(addresses).toMatchObject({
      kind: 'oneToMany',
      backPopulates: 'user',
      foreignKey: undefined,
      nullable: false,
    })
    expect(addresses.source).toBe(modelOf(User))
    expect(addresses.target).toBe(modelOf(Address))
    expect(addresses.cascade).toEqual(
      new Set(['save-update', 'merge', 'delete', 'expunge', 'refresh-expire', 'delete-orphan']),
    )
    expect(Object.isFrozen(addresses) && Object.isFrozen(addresses.options)).toBe(true)
    expect(relationsOf(modelOf(User))).toBe(relations)
  })

  it('understands both sides of every kind, and an entity related to itself', () => {
    expect(relationsOf(modelOf(Address)).get('parent')).toMatchObject({
      kind: 'manyToOne',
      nullable: true,
      foreignKey: ['parentId'],
    })
    expect(relationsOf(modelOf(Address)).get('children')?.target).toBe(modelOf(Address))
    expect(relationsOf(modelOf(Group)).get('users')?.options.through).toBe('user_groups')
    expect(relationsOf(modelOf(Profile)).get('user')).toMatchObject({ kind: 'oneToOne', nullable: false })
    expect(relationsOf(modelOf(User)).get('profile')).toMatchObject({ kind: 'oneToOne', nullable: true })
  })

  const related = (relation: () => unknown, more: object = {}) => {
    class Thing extends entity(
      'things',
      Object.defineProperties({ id, ...more }, { other: { get: relation, enumerable: true } }),
    ) {}
    return () => relationsOf(modelOf(Thing))
  }
  class Other extends entity('others', {
    id,
    thingId: integer(),
    get user() {
      return manyToOne(() => User)
    },
  }) {}

  it.each<[string, () => unknown, string]>([
    [
      'a column in a getter',
      () => text(),
      'Thing.other: the getter must return a relation, got a column; write columns as plain',
    ],
    ['nothing in a getter', () => undefined, 'the getter must return a relation, got undefined'],
    ['an undeclared class', () => manyToOne(() => Undeclared), 'names is not declared yet or not at all'],
    [
      'no class',
      () => manyToOne(() => undefined),
      'Thing.other: manyToOne(…) points at no entity. An entity class is needed',
    ],
    ['a plain class', () => oneToMany(() => Plain), 'but Plain is none'],
    [
      'an unknown other side',
      () => oneToMany(() => Other, { backPopulates: 'usr' }),
      "is no relation of Other; did you mean 'user'?",
    ],
    [
      'a column as other side',
      () => oneToMany(() => Other, { backPopulates: 'thingId' }),
      "'thingId' is no relation of Other; there are 'user'.",
    ],
    [
      'another entity’s side',
      () => oneToMany(() => Other, { backPopulates: 'user' }),
      'Other.user, which points at User, not at Thing',
    ],
    [
      'an unknown foreign key',
      () => oneToMany(() => Other, { foreignKey: 'thingID2' }),
      "foreignKey 'thingID2' is no column of Other; did you mean 'thingId'?",
    ],
    [
      'a foreign key on the wrong side',
      () => manyToOne(() => Other, { foreignKey: 'thingId' }),
      "'thingId' is no column of Thing",
    ],
  ])('%s is refused', (_, relation, reason) => {
    expect(related(relation)).toThrow(MappingError)
    expect(related(relation)).toThrow(reason)
  })

  it('both sides must be each other’s opposite and name each other', () => {
    class Left extends entity('lefts', {
      id,
      get same() {
        return manyToOne(() => Right, { backPopulates: 'same' })
      },
    }) {}
    class Right extends entity('rights', {
      id,
      get same() {
        return manyToOne(() => Left)
      },
    }) {}
    expect(() => relationsOf(modelOf(Left))).toThrow(
      'Left.same: the other side of manyToOne(…) must be oneToMany(…), but Right.same is manyToOne(…)',
    )
    class Up extends entity('ups', {
      id,
      get one() {
        return oneToMany(() => Down, { backPopulates: 'up' })
      },
      get two() {
        return oneToMany(() => Down, { backPopulates: 'up' })
      },
      get self() {
        return oneToOne(() => Up, { backPopulates: 'self' })
      },
    }) {}
    class Down extends entity('downs', {
      id,
      get up() {
        return manyToOne(() => Up, { backPopulates: 'one' })
      },
    }) {}
    expect(() => relationsOf(modelOf(Up))).toThrow(
      "Up.two: backPopulates names Down.up, whose own backPopulates names 'one'",
    )
    class Mirror extends entity('mirrors', {
      id,
      get self() {
        return oneToOne(() => Mirror, { backPopulates: 'self' })
      },
    }) {}
    expect(() => relationsOf(modelOf(Mirror))).toThrow('Mirror.self: backPopulates names the relation itself')
  })

  it('a failure is not kept: the next call checks again', () => {
    let target: unknown
    const relations = related(() => manyToOne(() => target))
    expect(relations).toThrow(MappingError)
    class Again extends entity('agains', {
      id,
      get other() {
        return manyToOne(() => target)
      },
    }) {}
    expect(() => relationsOf(modelOf(Again))).toThrow(MappingError)
    target = User
    expect(relationsOf(modelOf(Again)).get('other')?.target).toBe(modelOf(User))
  })

  it('an error of the program’s own in a getter is not disguised', () => {
    const own = new RangeError('mine')
    expect(
      related(() =>
        manyToOne(() => {
          throw own
        }),
      ),
    ).toThrow(own)
  })
})

describe('relation builders', () => {
  const loosely = (value: unknown) => value as never
  it.each<[string, () => unknown, string]>([
    [
      'a class instead of a function',
      () => manyToOne(loosely(undefined)),
      'manyToOne(…): the first argument must be a function',
    ],
    ['an unknown option', () => oneToMany(() => User, loosely({ backPopulate: 'x' })), "did you mean 'backPopulates'?"],
    [
      'an option of another kind',
      () => manyToOne(() => User, loosely({ through: 'x' })),
      "there is no option 'through'",
    ],
    [
      'an empty name',
      () => manyToOne(() => User, { foreignKey: '' }),
      'foreignKey must be a property, or an array of properties',
    ],
    ['an empty list', () => manyToOne(() => User, { foreignKey: [] }), 'got an array of 0'],
    [
      'an unknown cascade',
      () => oneToMany(() => User, { cascade: 'all, delete-orphans' }),
      "there is no cascade 'delete-orphans'; did you mean 'delete-orphan'?",
    ],
    ['an empty cascade', () => oneToMany(() => User, { cascade: '' }), "there is no cascade ''"],
    ['a cascade that is no text', () => oneToMany(() => User, loosely({ cascade: true })), 'cascade must be a string'],
    [
      'writing through what is read only',
      () => oneToMany(() => User, { viewOnly: true, cascade: 'all' }),
      "cannot cascade 'save-update'",
    ],
    [
      'orphans of many parents',
      () => manyToOne(() => User, { cascade: 'all, delete-orphan' }),
      'needs { singleParent: true }',
    ],
    [
      'a wrong way of loading',
      () => manyToOne(() => User, loosely({ lazy: 'often' })),
      "lazy must be one of 'select', 'selectin', 'joined', 'immediate', 'raise', 'raiseOnSql'",
    ],
    [
      'a wrong direction',
      () => oneToMany(() => User, loosely({ orderBy: [['id', 'down']] })),
      'orderBy must be a property',
    ],
    [
      'a wrong flag',
      () => oneToMany(() => User, loosely({ passiveDeletes: 'some' })),
      "passiveDeletes must be true, false or 'all'",
    ],
    ['no table of pairs', () => manyToMany(() => User, loosely({})), 'the table of the pairs is missing'],
    ['no options for pairs', () => manyToMany(() => User, loosely(undefined)), 'the table of the pairs is missing'],
  ])('%s is refused at once', (_, build, reason) => {
    expect(build).toThrow(MappingError)
    expect(build).toThrow(reason)
  })

  it('cascades are save-update and merge unless others are named, and merge alone where nothing is written', () => {
    const cascadeOf = (options: object) => {
      class Thing extends entity('things', {
        id,
        get users() {
          return oneToMany(() => User, options)
        },
      }) {}
      return [...(relationsOf(modelOf(Thing)).get('users') as RelationModel).cascade]
    }
    expect(cascadeOf({})).toEqual(['save-update', 'merge'])
    expect(cascadeOf({ viewOnly: true })).toEqual(['merge'])
    expect(cascadeOf({ cascade: 'none' })).toEqual([])
    expect(cascadeOf({ cascade: 'delete,expunge' })).toEqual(['delete', 'expunge'])
    expect(cascadeOf({ viewOnly: true, cascade: 'expunge' })).toEqual(['expunge'])
  })

  it('nullable() makes another relation and leaves the first', () => {
    const first = manyToOne(() => User)
    const second = first.nullable()
    expect(second).not.toBe(first)
    expect(Object.isFrozen(first) && Object.isFrozen(second)).toBe(true)
  })
})

class Plain {}
declare const Undeclared: typeof User
