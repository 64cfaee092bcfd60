import { describe, expect, it } from 'vitest'
import { MappingError } from '../../src/errors.ts'
import {
  type EntityModel,
  integer,
  linkOf,
  linksOf,
  manyToMany,
  manyToOne,
  modelOf,
  oneToMany,
  oneToOne,
  pairTablesOf,
  type RelationLink,
  text,
  varchar,
} from '../../src/mapping/index.ts'
import { plainEntity as entity } from './plain-entity.ts'

const id = integer().primaryKey()
const link = (entityClass: unknown, property: string) => linkOf(modelOf(entityClass), property) as RelationLink
const pairsOf = ({ pairs }: RelationLink) => pairs.map(({ source, target }) => `${source.property}=${target.property}`)

class User extends entity('users', {
  id,
  get addresses() {
    return oneToMany(() => Address, { backPopulates: 'user' })
  },
  get bills() {
    return oneToMany(() => Address, { foreignKey: 'payerId', backPopulates: 'payer' })
  },
  get profile() {
    return oneToOne(() => Profile, { backPopulates: 'user' })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users' })
  },
  get friends() {
    return manyToMany(() => User, { through: 'friends', throughColumns: ['userId', 'friendId'] })
  },
  get viewed() {
    return oneToMany(() => Address, { foreignKey: 'userId', viewOnly: true })
  },
}) {}
class Address extends entity('addresses', {
  id,
  userId: integer().references('users.id'),
  payerId: integer().references('users.id'),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'addresses' })
  },
  get payer() {
    return manyToOne(() => User, { foreignKey: 'payerId', backPopulates: 'bills' })
  },
}) {}
class Profile extends entity('profiles', {
  userId: integer().primaryKey().references('users.id'),
  get user() {
    return oneToOne(() => User, { backPopulates: 'profile' })
  },
}) {}
class Group extends entity('groups', {
  id,
  get users() {
    return manyToMany(() => User, { through: 'user_groups', backPopulates: 'groups' })
  },
}) {}
class Hall extends entity('halls', {
  house: varchar(9).primaryKey(),
  floor: integer().primaryKey(),
  get chairs() {
    return oneToMany(() => Chair)
  },
  get loose() {
    return oneToMany(() => Chair, { foreignKey: ['looseHouse', 'looseFloor'] })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'hall_groups' })
  },
}) {}
class Chair extends entity('chairs', {
  id,
  floor: integer().references('halls.floor'),
  house: varchar(9).references('halls.house'),
  looseHouse: varchar(9),
  looseFloor: integer(),
}) {}

describe('linksOf', () => {
  it('tells who holds the key, which columns hold it, and the other side, the same at each call', () => {
    expect(linksOf(modelOf(User))).toBe(linksOf(modelOf(User)))
    expect(linksOf(modelOf(User)).map(({ property, index }) => `${index} ${property}`)).toEqual([
      '0 addresses',
      '1 bills',
      '2 profile',
      '3 groups',
      '4 friends',
      '5 viewed',
    ])
    expect(link(User, 'addresses')).toMatchObject({ holder: 'target', toMany: true, through: undefined })
    expect(link(User, 'addresses').inverse).toBe(link(Address, 'user'))
    expect(link(Address, 'user').inverse).toBe(link(User, 'addresses'))
    expect(pairsOf(link(User, 'addresses'))).toEqual(['id=userId'])
    expect(pairsOf(link(Address, 'user'))).toEqual(['userId=id'])
    expect(link(User, 'nothing')).toBeUndefined()
  })

  it('keeps two foreign keys between the same tables apart', () => {
    expect(pairsOf(link(User, 'bills'))).toEqual(['id=payerId'])
    expect(pairsOf(link(Address, 'payer'))).toEqual(['payerId=id'])
    expect(link(User, 'bills').inverse).toBe(link(Address, 'payer'))
  })

  it('finds the holder of a one-to-one key from either side', () => {
    expect([link(User, 'profile').holder, link(Profile, 'user').holder]).toEqual(['target', 'source'])
    expect([link(User, 'profile').toMany, pairsOf(link(User, 'profile'))]).toEqual([false, ['id=userId']])
  })

  it('follows composite keys in the order of the key, found by reference or named without one', () => {
    expect(pairsOf(link(Hall, 'chairs'))).toEqual(['house=house', 'floor=floor'])
    expect(pairsOf(link(Hall, 'loose'))).toEqual(['house=looseHouse', 'floor=looseFloor'])
  })

  it('gives both sides of a many-to-many relation one table, and a graph of one table its named columns', () => {
    const through = link(User, 'groups').through
    expect(through?.model).toBe(link(Group, 'users').through?.model)
    expect(through?.sourceColumns.map(({ property }) => property)).toEqual(['userId'])
    expect(through?.targetColumns.map(({ property }) => property)).toEqual(['groupId'])
    expect(link(Group, 'users').through?.sourceColumns.map(({ property }) => property)).toEqual(['groupId'])
    expect(link(User, 'friends').through?.model.columns.map(({ property }) => property)).toEqual(['userId', 'friendId'])
    expect(link(Hall, 'groups').through?.model.columns.map(({ property }) => property)).toEqual([
      'hallHouse',
      'hallFloor',
      'groupId',
    ])
  })

  it('a relation that is only viewed has no other side to keep in step', () => {
    expect(link(User, 'viewed').inverse).toBeUndefined()
    class Shelf extends entity('shelves', {
      id,
      get books() {
        return oneToMany(() => Book, { viewOnly: true, backPopulates: 'shelf' })
      },
    }) {}
    class Book extends entity('books', {
      id,
      shelfId: integer().references('shelves.id'),
      get shelf() {
        return manyToOne(() => Shelf, { backPopulates: 'books' })
      },
    }) {}
    expect([link(Shelf, 'books').inverse, link(Book, 'shelf').inverse]).toEqual([undefined, undefined])
  })
})

describe('what cannot be followed', () => {
  const refused = (entityClass: unknown, reason: string | RegExp) => {
    expect(() => linksOf(modelOf(entityClass))).toThrow(MappingError)
    expect(() => linksOf(modelOf(entityClass))).toThrow(reason)
  }

  it('no foreign key: the message says where to add one', () => {
    class Lone extends entity('lones', {
      id,
      get user() {
        return manyToOne(() => User)
      },
    }) {}
    refused(
      Lone,
      "Lone.user: no column of Lone references User; add .references('users.id') to one, or name it with { foreignKey",
    )
  })

  it('several foreign keys: the message names them', () => {
    class Torn extends entity('torn', {
      id,
      oneId: integer().references('users.id'),
      twoId: integer().references('users.id'),
      get user() {
        return manyToOne(() => User)
      },
    }) {}
    refused(
      Torn,
      "Torn.user: several columns of Torn reference User ('oneId', 'twoId'); say which one is meant with { foreignKey",
    )
  })

  it('a foreign key of another length than the key, or to a column that is not there', () => {
    class Short extends entity('shorts', {
      id,
      house: varchar(9),
      get hall() {
        return manyToOne(() => Hall, { foreignKey: 'house' })
      },
    }) {}
    refused(
      Short,
      "Short.hall: the key of Hall has 2 column(s) ('house', 'floor'), the foreign key 1; name one column for each.",
    )
    class Wrong extends entity('wrongs', {
      id,
      userId: integer().references('users.nope'),
      get user() {
        return manyToOne(() => User)
      },
    }) {}
    refused(Wrong, "Wrong.user: userId references 'nope', which User has not.")
  })

  it('a side that is not named back: the message says what to add there', () => {
    class Silent extends entity('silents', {
      id,
      userId: integer().references('louds.id'),
      get loud() {
        return manyToOne(() => Loud)
      },
    }) {}
    class Loud extends entity('louds', {
      id,
      get silents() {
        return oneToMany(() => Silent, { backPopulates: 'loud' })
      },
    }) {}
    refused(
      Loud,
      "Loud.silents: backPopulates names Silent.loud, which does not name it back; add { backPopulates: 'silents' } there",
    )
  })

  it('an entity related to itself through a table whose columns have no names, and names of the wrong number', () => {
    class Person extends entity('persons', {
      id,
      get friends() {
        return manyToMany(() => Person, { through: 'person_friends' })
      },
    }) {}
    refused(Person, "Person.friends: both sides are Person, so the columns of 'person_friends' need names")
    class Room extends entity('rooms', {
      id,
      get halls() {
        return manyToMany(() => Hall, { through: 'room_halls', throughColumns: ['roomId', 'hallHouse'] })
      },
    }) {}
    refused(Room, "throughColumns names 1 column(s) for Hall ('hallHouse'), whose key has 2 ('house', 'floor')")
    expect(() => manyToMany(() => User, { through: 'x', throughColumns: ['a'] as never })).toThrow(/two names/)
  })

  it('two sides that name the columns of their table differently', () => {
    class Left extends entity('lefts', {
      id,
      get rights() {
        return manyToMany(() => Right, { through: 'left_rights', backPopulates: 'lefts' })
      },
    }) {}
    class Right extends entity('rights', {
      id,
      get lefts() {
        return manyToMany(() => Left, { through: 'left_rights', throughColumns: ['r', 'l'], backPopulates: 'rights' })
      },
    }) {}
    expect(() => [linksOf(modelOf(Left)), linksOf(modelOf(Right))]).toThrow(/name the columns alike on both sides/)
  })
})

describe('pairTablesOf', () => {
  const tables = (models: readonly EntityModel[]) => pairTablesOf(models).map(({ table }) => table)

  it('gives each table of pairs between the given entities once, and leaves those that are entities to these', () => {
    expect(tables([modelOf(User), modelOf(Group)])).toEqual(['user_groups', 'friends'])
    expect(tables([modelOf(User)])).toEqual(['friends'])
    class Membership extends entity('user_groups', {
      userId: integer().primaryKey().references('users.id'),
      groupId: integer().primaryKey().references('groups.id'),
      since: integer().nullable(),
    }) {}
    expect(tables([modelOf(User), modelOf(Group), modelOf(Membership)])).toEqual(['friends'])
  })

  it('refuses a relation through an entity whose columns it does not know, or that needs values which it cannot give', () => {
    class Renamed extends entity('user_groups', { person: integer().primaryKey(), groupId: integer().primaryKey() }) {}
    expect(() => tables([modelOf(User), modelOf(Renamed)])).toThrow(
      "User.groups: the table 'user_groups' is mapped as Renamed, which has no column 'userId' of that name; name its columns with",
    )
    class Needy extends entity('user_groups', {
      userId: integer().primaryKey().references('users.id'),
      groupId: integer().primaryKey().references('groups.id'),
      role: text(),
    }) {}
    expect(() => tables([modelOf(User), modelOf(Needy)])).toThrow(
      /mapped as Needy, whose 'role' the relation cannot give; make the relation viewOnly/,
    )
  })

  it('checks every relation of the entities, so that createAll finds what is wrong before the first use', () => {
    class Broken extends entity('brokens', {
      id,
      get user() {
        return manyToOne(() => User)
      },
    }) {}
    expect(() => tables([modelOf(Broken)])).toThrow(MappingError)
  })
})
