import { EmbedlaneError } from './errors.js';

/**
 * The proxies that HTTP_PROXY and HTTPS_PROXY name, also in small letters, in whose addresses `http://` may be missing as
 * in curl's; empty where there is none.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what is no URL
 */
export function proxiesOfEnvironment(): { httpProxy: string; httpsProxy: string } {
  return { httpProxy: proxyVariable('http_proxy'), httpsProxy: proxyVariable('https_proxy') };
}

function proxyVariable(name: string): string {
  const { env } = process;
  const value = env[name] || env[name.toUpperCase()] || '';
  const url = value === '' || value.includes('://') ? value : `http://${value}`;
  if (url === '' || (URL.canParse(url) && /^(https?|socks5?):/i.test(url))) return url;
  // Not quoted: it may hold a password.
  throw new EmbedlaneError('ERR_INVALID_ARG', `Expected an http or https URL in ${name}`);
}
