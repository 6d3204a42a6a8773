declare module "proxy-from-env" {
  /** Empty if there is no proxy for the URL. */
  export const getProxyForUrl: (url: URL) => string
}
