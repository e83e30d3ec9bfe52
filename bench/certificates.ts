// A throwaway CA and one certificate for both sides of the peers' mTLS, made with openssl.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
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

/** A certificate for a client of Weft's mesh, signed by the intermediate of a control plane. */
export function makeMeshCertificate(dir: string, authorityDir: string): Certificates {
  const at = (name: string): string => path.join(dir, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { stdio: "ignore" });
  };
  const issuer = path.join(authorityDir, "intermediate.pem");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", ...key, "-keyout", at("svid.key"), "-out", at("svid.csr"), "-subj", "/CN=bench");
  const uri = "URI:spiffe://weft.local/ns/default/sa/bench";
  writeFileSync(
    at("svid.ext"),
    `subjectAltName=${uri}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  openssl(
    ...["x509", "-req", "-in", at("svid.csr"), "-CA", issuer, "-CAkey", issuer, "-days", "1"],
    ...["-set_serial", "1", "-extfile", at("svid.ext"), "-out", at("svid.pem")],
  );
  const pem = readFileSync(issuer, "utf8");
  const chain = pem.slice(pem.indexOf("-----BEGIN CERTIFICATE-----"));
  writeFileSync(at("chain.pem"), readFileSync(at("svid.pem"), "utf8") + chain);
  const ca = path.join(authorityDir, "root.crt");
  return { ca, cert: at("chain.pem"), key: at("svid.key"), both: "" };
}
