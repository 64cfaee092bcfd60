/**
 * How much work TypeScript has with a large model: makes a hundred entities with relations and queries over each of them, compiles
 * them with every supported TypeScript, and prints types, instantiations and time. `node bench/types/measure.ts [entities]`
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const count = Number(process.argv[2] ?? 100)

/** An entity with eight columns and four relations: to the one before, the one after, itself, and many to many. */
function entityText(n: number): string {
  const [before, after] = [(n + count - 1) % count, (n + 1) % count]
  return `export class E${n} extends entity('e${n}', {
  id: integer().primaryKey(),
  name: text(),
  label: varchar(40).nullable(),
  size: bigint(),
  price: decimal(10, 2),
  active: boolean(),
  createdAt: timestamp(),
  previousId: integer().references('e${before}.id'),
  parentId: integer().nullable().references('e${n}.id'),
  get previous() { return manyToOne(() => E${before}, { foreignKey: 'previousId', backPopulates: 'following' }) },
  get following() { return oneToMany(() => E${after}, { backPopulates: 'previous' }) },
  get parent() { return manyToOne(() => E${n}, { foreignKey: 'parentId' }).nullable() },
  get friends() { return manyToMany(() => E${after}, { through: 'pairs${n}' }) },
}) {}`
}

/** What a program asks of each: conditions, loading by paths, joins, related rows, a report, a bulk write. */
function queryText(n: number): string {
  return `export const q${n} = async (session: Session) => {
  const found = await session.query(E${n}).where('name', '=', 'x').where('size', '>', 5n).orderBy('createdAt', 'desc').with('following.previous', 'parent').all()
  const joined = session.query(E${n}).join('previous.parent').where('parent.name', '=', 'x').whereHas('friends', (f) => f.where('active', '=', true))
  const report = await joined.select(({ count, sum }) => ({ label: 'label', n: count(), total: sum('price'), other: 'previous.name' })).groupBy('label').orderBy('n').all()
  await session.query(E${n}).where((eb) => eb.or([eb('id', '=', 1), eb('label', 'is', null)])).update({ active: false })
  session.add(new E${n}({ name: 'x', size: 1n, price: '1.00', active: true, createdAt: new Date(), previousId: 1 }))
  return [found[0]?.following[0]?.previous.name, found[0]?.parent?.name, report[0]?.total]
}`
}

const numbers = Array.from({ length: count }, (_, n) => n)
const imports =
  'import { bigint, boolean, decimal, entity, integer, manyToMany, manyToOne, oneToMany, type Session, text, timestamp, varchar }'
const model = `${imports} from '../../src/index.ts'\n${numbers.map(entityText).join('\n')}\n`

const compilerOptions = {
  target: 'ES2024',
  lib: ['ES2024', 'ESNext.Disposable'],
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
}

/** Compiles a text and gives the figures of `--extendedDiagnostics`. */
function measure(compiler: string, text: string): Record<string, string> {
  const bin = join(root, 'node_modules', compiler, 'bin', 'tsc')
  mkdirSync(join(root, '.tmp'), { recursive: true })
  const folder = mkdtempSync(join(root, '.tmp', 'types-'))
  writeFileSync(join(folder, 'model.ts'), text)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['model.ts'] }))
  const { stdout, status } = spawnSync(process.execPath, [bin, '-p', folder, '--extendedDiagnostics'], {
    encoding: 'utf8',
  })
  rmSync(folder, { recursive: true, force: true })
  if (status !== 0) throw new Error(`${compiler} finds errors in the generated model:\n${stdout.slice(0, 2_000)}`)
  return Object.fromEntries([...stdout.matchAll(/^([A-Z][\w ]+):\s+(\S+)$/gm)].map(([, name, value]) => [name, value]))
}

const small = `${imports} from '../../src/index.ts'\nexport type Made = Session\nvoid [bigint, boolean, decimal, entity, integer, manyToMany, manyToOne, oneToMany, text, timestamp, varchar]\n`
const texts = [
  ['the library alone', small],
  [`${count} entities`, model],
  [`and a program's queries over each`, `${model}${numbers.map(queryText).join('\n')}\n`],
] as const

for (const compiler of ['typescript-5.9', 'typescript-6.0', 'typescript']) {
  console.log(`\n${compiler}\n`)
  console.log('| what | types | instantiations | memory | check time |\n| --- | --- | --- | --- | --- |')
  for (const [name, text] of texts) {
    const figures = measure(compiler, text)
    console.log(
      `| ${name} | ${['Types', 'Instantiations', 'Memory used', 'Check time'].map((key) => figures[key]).join(' | ')} |`,
    )
  }
}
