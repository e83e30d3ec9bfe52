// A throwaway CA and one certificate for both sides of the peers' mTLS, made with openssl.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly both: string;
}

export function makeCertificates(dir: string): Certificates {
  const at = (name: string): string => path.join(dir, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { stdio: "ignore" });
  };
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-days",
    "2",
    "-subj",
    "/CN=bench-ca",
  );
  openssl("req", ...curve, "-keyout", at("leaf.key"), "-out", at("leaf.csr"), "-subj", "/CN=bench");
  writeFileSync(
    at("ext"),
    "subjectAltName=DNS:bench,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  openssl(
    ...["x509", "-req", "-in", at("leaf.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
    ...["-CAcreateserial", "-days", "2", "-extfile", at("ext"), "-out", at("leaf.pem")],
  );
  execFileSync("sh", ["-c", `cat ${at("leaf.pem")} ${at("leaf.key")} > ${at("both.pem")}`]);
  return { ca: at("ca.pem"), cert: at("leaf.pem"), key: at("leaf.key"), both: at("both.pem") };
}
