// A throwaway CA and one certificate for both sides of the peers' mTLS, made with openssl: root,
// intermediate and leaf, as a mesh's own, so that a handshake verifies as much at each peer.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Certificates {
  /** The root. */
  readonly ca: string;
  /** The leaf, then the intermediate. */
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
  const sign = (name: string, issuer: string, extensions: string): void => {
    writeFileSync(at(`${name}.ext`), extensions);
    const subject = `/CN=bench-${name}`;
    const request = ["-keyout", at(`${name}.key`), "-out", at(`${name}.csr`), "-subj", subject];
    openssl("req", ...curve, ...request);
    openssl(
      ...["x509", "-req", "-in", at(`${name}.csr`), "-CA", at(`${issuer}.pem`)],
      ...["-CAkey", at(`${issuer}.key`), "-CAcreateserial", "-days", "2"],
      ...["-extfile", at(`${name}.ext`), "-out", at(`${name}.pem`)],
    );
  };
  sign(
    "intermediate",
    "ca",
    "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign\n",
  );
  sign(
    "leaf",
    "intermediate",
    "subjectAltName=DNS:bench,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  const text = (name: string): string => readFileSync(at(name), "utf8");
  const chain = text("leaf.pem") + text("intermediate.pem");
  writeFileSync(at("chain.pem"), chain);
  writeFileSync(at("both.pem"), chain + text("leaf.key"));
  return { ca: at("ca.pem"), cert: at("chain.pem"), key: at("leaf.key"), both: at("both.pem") };
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
