import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  Op,
  Sequelize,
  type Transaction,
} from 'sequelize'
import type { Library, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

class User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  declare id: CreationOptional<number>
  declare name: string
  declare email: string
  declare age: number
  declare active: CreationOptional<boolean>
  declare balance: CreationOptional<number>
  declare version: CreationOptional<number>
  declare readonly posts: NonAttribute<Post[]>
}

class Post extends Model<InferAttributes<Post>, InferCreationAttributes<Post>> {
  declare id: CreationOptional<number>
  declare userId: number
  declare title: string
  declare body: string
  declare views: CreationOptional<number>
  declare readonly tags: NonAttribute<Tag[]>
}

class Tag extends Model<InferAttributes<Tag>, InferCreationAttributes<Tag>> {
  declare id: CreationOptional<number>
  declare name: string
}

function define(sequelize: Sequelize): void {
  const shared = { sequelize, underscored: true, updatedAt: false } as const
  // Made anew for each attribute: Sequelize writes the attribute's name into what it is given.
  const id = () => ({ type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true })
  const words = () => ({ type: DataTypes.STRING(200), allowNull: false })
  const number = (defaultValue?: number) => ({
    type: DataTypes.INTEGER,
    allowNull: false,
    ...(defaultValue !== undefined && { defaultValue }),
  })
  User.init(
    {
      id: id(),
      name: words(),
      email: words(),
      age: number(),
      active: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: true },
      balance: number(0),
      version: number(1),
    },
    { ...shared, modelName: 'User', tableName: 'users', version: true },
  )
  Post.init(
    { id: id(), userId: number(), title: words(), body: words(), views: number(0) },
    { ...shared, modelName: 'Post', tableName: 'posts' },
  )
  Tag.init({ id: id(), name: words() }, { ...shared, modelName: 'Tag', tableName: 'tags', timestamps: false })
  User.hasMany(Post, { as: 'posts', foreignKey: 'userId' })
  Post.belongsTo(User, { as: 'user', foreignKey: 'userId' })
  const through = { through: 'post_tags', timestamps: false } as const
  Post.belongsToMany(Tag, { ...through, as: 'tags', foreignKey: 'post_id', otherKey: 'tag_id' })
  Tag.belongsToMany(Post, { ...through, as: 'posts', foreignKey: 'tag_id', otherKey: 'post_id' })
}

async function connect(target: Target): Promise<Sequelize> {
  const { product, file, host, port, user, password, database } = target
  if (product === 'sqlite') {
    const sequelize = new Sequelize({ dialect: 'sqlite', storage: file, logging: false })
    await sequelize.query('pragma journal_mode = wal')
    await sequelize.query('pragma synchronous = normal')
    return sequelize
  }
  const dialect = product === 'postgres' ? 'postgres' : 'mysql'
  return new Sequelize(database, user, password, { dialect, host, port, logging: false, pool: { max: W6.pool } })
}

export const library: Library = {
  name: 'sequelize',
  version: '6.37.8',
  async open(target) {
    const sequelize = await connect(target)
    define(sequelize)
    const key = (id: number, transaction: Transaction) => User.findByPk(id, { transaction, rejectOnEmpty: true })
    const users = (count: number, transaction?: Transaction) =>
      User.findAll({ where: { id: { [Op.lte]: count } }, order: ['id'], ...(transaction && { transaction }) })
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await sequelize.transaction(async (on) => (await key(id, on)).age)
        return sum
      },
      w1b: (ids) =>
        sequelize.transaction(async (on) => {
          let sum = 0
          for (const id of ids) sum += (await key(id, on)).age
          return sum
        }),
      async w2(count) {
        return (await users(count)).reduce((sum, { age }) => sum + age, 0)
      },
      w3: (people) =>
        sequelize.transaction(async (transaction) => {
          const ids = new Set<number>()
          for (let i = 0; i < people.length; i += 1_000) {
            const rows = people.slice(i, i + 1_000).map((row) => ({ ...row }))
            const returning = target.product === 'postgres'
            for (const { id } of await User.bulkCreate(rows, { transaction, returning })) ids.add(id)
          }
          return ids.size
        }),
      w4: (count) =>
        sequelize.transaction(async (transaction) => {
          const loaded = await users(count, transaction)
          for (const user of loaded) {
            user.balance = user.age + user.id
            await user.save({ transaction })
          }
          return loaded.length
        }),
      async w5a(count) {
        const found = await User.findAll({ where: { id: { [Op.lte]: count } }, include: 'posts' })
        return viewsOf(found)
      },
      async w5b(count) {
        const tags = { association: 'tags', through: { attributes: [] } }
        const found = await User.findAll({
          where: { id: { [Op.lte]: count } },
          include: { association: 'posts', include: [tags] },
        })
        return viewsAndTagsOf(found, (post: Post) => post.tags)
      },
      ...(target.product !== 'sqlite' && {
        w6: (userId: number) =>
          sequelize.transaction(async (transaction) => {
            const user = await key(userId, transaction)
            const read = await Post.findAll({ where: { userId }, order: ['id'], limit: 10, transaction })
            await Post.create({ userId: user.id, title: 'a title', body: 'a body' }, { transaction })
            await user.increment('balance', { transaction })
            return read.length
          }),
      }),
      w7: (count) => User.findAll({ where: { id: { [Op.lte]: count } } }),
      close: () => sequelize.close(),
    }
  },
}
