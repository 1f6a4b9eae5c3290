import { after, type TestContext } from 'node:test'

/** For what a suite starts once for all of its tests: ended after them. Call it in the suite, or in the file. */
export function suiteContext(): TestContext {
  const cleanUps: (() => unknown)[] = []
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  return { after: (cleanUp: () => unknown) => cleanUps.push(cleanUp) } as unknown as TestContext
}
