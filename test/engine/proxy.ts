import { onTestFinished } from 'vitest'
import { Network } from '../support/network.ts'

/** Opens a relay for the database at a URL that can fail as networks do; it ends with the test. */
export async function openProxy(url: string): Promise<Network> {
  const network = await Network.open(url)
  onTestFinished(() => network.close())
  return network
}
