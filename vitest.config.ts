import { defineConfig } from 'vitest/config'

const statics = [
  'test/architecture.test.ts',
  'test/types/**/*.test.ts',
  'test/docs/**/*.test.ts',
  'test/package/**/*.test.ts',
]

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: process.env['HEDDLE_TEST_WORKERS'] ?? 2,
    // Connecting, creating a database and starting PGlite are slow on a busy machine; a promise that hangs is still found.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ['default', ...(process.env['HEDDLE_TEST_TOTALS'] ? ['./test/support/totals-reporter.ts'] : [])],
    projects: [
      {
        extends: true,
        test: { name: 'static', include: statics, testTimeout: 180_000 },
      },
      {
        extends: true,
        test: {
          name: 'suite',
          include: ['test/**/*.test.ts'],
          exclude: statics,
          globalSetup: ['./test/support/global-setup.ts'],
        },
      },
    ],
  },
})
