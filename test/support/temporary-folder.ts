import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { repository } from './repository.ts'

/** A folder inside the repository, where packages are found, that lasts as long as the surrounding `describe`. */
export function temporaryFolder(prefix: string): () => string {
  let folder: string | undefined
  beforeAll(() => {
    mkdirSync(join(repository, '.tmp'), { recursive: true })
    folder = mkdtempSync(join(repository, '.tmp', prefix))
  })
  afterAll(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  })
  return () => {
    if (folder === undefined) throw new Error('The folder exists only while tests run.')
    return folder
  }
}
