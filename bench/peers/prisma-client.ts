import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Product } from '../contract.ts'

/** The version of all of Prisma's packages here. */
export const version = '7.10.0'

const PROVIDERS: Readonly<Record<Product, string>> = { sqlite: 'sqlite', postgres: 'postgresql', mariadb: 'mysql' }

/** Types that the provider would not choose by itself. */
const TYPES: Readonly<Record<Product, { text: string; time: string }>> = {
  sqlite: { text: '', time: '' },
  postgres: { text: '', time: '@db.Timestamptz(3)' },
  mariadb: { text: '@db.VarChar(200)', time: '@db.DateTime(3)' },
}

function schemaOf(product: Product, output: string): string {
  const { text, time } = TYPES[product]
  return `// Prisma ${version}
generator client {
  provider            = "prisma-client"
  output              = ${JSON.stringify(output)}
  runtime             = "nodejs"
  moduleFormat        = "esm"
  importFileExtension = "ts"
}

datasource db {
  provider = "${PROVIDERS[product]}"
}

model User {
  id        Int      @id @default(autoincrement())
  name      String   ${text}
  email     String   ${text}
  age       Int
  active    Boolean
  createdAt DateTime @map("created_at") ${time}
  balance   Int
  version   Int      @default(1)
  posts     Post[]

  @@map("users")
}

model Post {
  id        Int       @id @default(autoincrement())
  userId    Int       @map("user_id")
  title     String    ${text}
  body      String    ${text}
  views     Int
  createdAt DateTime  @map("created_at") ${time}
  user      User      @relation(fields: [userId], references: [id])
  postTags  PostTag[]

  @@index([userId])
  @@map("posts")
}

model Tag {
  id       Int       @id @default(autoincrement())
  name     String    ${text}
  postTags PostTag[]

  @@map("tags")
}

model PostTag {
  postId Int  @map("post_id")
  tagId  Int  @map("tag_id")
  post   Post @relation(fields: [postId], references: [id])
  tag    Tag  @relation(fields: [tagId], references: [id])

  @@id([postId, tagId])
  @@map("post_tags")
}
`
}

function generate(schema: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-prisma-'))
  try {
    const file = join(folder, 'schema.prisma')
    writeFileSync(file, schema)
    const command = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build/index.js')
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, 'generate', '--schema', file], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      env: {
        ...process.env,
        // The engine that migrates is not used to generate, but would be fetched: any program that exists stands for it.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    })
    // In one line: of a reason, that is what the conductor prints.
    const said = (stderr.trim() || stdout.trim()).replaceAll(/\s*\n\s*/g, '; ')
    if (status !== 0) throw new Error(`its client cannot be generated: ${said}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Gives the file of the generated client for the product's tables, and generates it first where this has not been done yet. */
export function clientFor(product: Product): string {
  const output = join(import.meta.dirname, '.prisma', product)
  const schema = schemaOf(product, output)
  // Written last: where it is there and says the same, the client is whole and is that of these tables.
  const mark = join(output, 'schema.prisma')
  if (!existsSync(mark) || readFileSync(mark, 'utf8') !== schema) {
    rmSync(output, { recursive: true, force: true })
    generate(schema)
    writeFileSync(mark, schema)
  }
  return join(output, 'client.ts')
}
