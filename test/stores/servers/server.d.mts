export declare function freePort(): Promise<number>;

export declare class DatabaseServer {
  readonly port: number;
  readonly folder: string;
  start(): Promise<this>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}
