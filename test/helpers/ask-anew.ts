import { Agent, get } from 'node:http'

/** Status of the answer to a request on a connection of its own. */
export function statusAnew(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ keepAlive: false }) }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
}
