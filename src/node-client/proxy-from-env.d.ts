declare module "proxy-from-env" {
  /** Empty where the URL is reached directly. */
  export const getProxyForUrl: (url: URL) => string
}
