export declare function freePort(): Promise<number>;

export interface Launch {
  command: string;
  args: string[];
  env?: Record<string, string>;
}

export declare class DatabaseServer {
  constructor(name: string, launch: (port: number, folder: string) => Launch);
  readonly port: number;
  readonly folder: string;
  start(): Promise<this>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}
