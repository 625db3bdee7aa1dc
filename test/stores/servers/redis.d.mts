import type { DatabaseServer } from './server.mjs';

export declare const hasRedis: boolean;
export declare function redisServer(...options: string[]): DatabaseServer;
