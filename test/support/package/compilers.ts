import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../repository.ts'
import { type Ended, runNode } from './built-package.ts'

/** The TypeScript versions that heddle's types are promised for: package folder and version line. */
export const compilers = [
  { name: 'TypeScript 5.9', folder: 'typescript-5.9', line: '5.9.' },
  { name: 'TypeScript 6.0', folder: 'typescript-6.0', line: '6.0.' },
  { name: 'TypeScript 7.0', folder: 'typescript', line: '7.0.' },
] as const

export type Compiler = (typeof compilers)[number]

/** The version that is installed in a compiler's folder. */
export function versionOf(compiler: Compiler): string {
  const text = readFileSync(join(repository, 'node_modules', compiler.folder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/**
 * Checks the types of files as a strict program would have them. `skipLibCheck` is off, so that declarations are
 * checked too, unless the options say otherwise.
 */
export async function checkTypes(
  compiler: Compiler,
  folder: string,
  files: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<Ended> {
  const config = join(folder, `tsconfig-${compiler.folder}.json`)
  const compilerOptions = { ...strict, ...options }
  writeFileSync(config, JSON.stringify({ compilerOptions, files }))
  return await runNode([join(repository, 'node_modules', compiler.folder, 'bin', 'tsc'), '-p', config], folder)
}

const strict = {
  target: 'ES2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  types: ['node'],
  typeRoots: [join(repository, 'node_modules', '@types')],
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  moduleDetection: 'force',
  noEmit: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
}
