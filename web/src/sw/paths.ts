/** Which addresses are whose. */

const SERVERS = /^\/(?:api|media|ws|-)(?:\/|$)/;
const PAGES = /^\/(?:$|c\/|settings(?:\/|$))/;

/** The server answers it, always. */
export function isServers(path: string): boolean {
  return SERVERS.test(path);
}

/** The page shows it. Any other address is the server's to answer, also to refuse. */
export function isPage(path: string): boolean {
  return PAGES.test(path);
}
