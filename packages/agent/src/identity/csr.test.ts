import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { createKeyAndRequest } from "./csr.ts";

test("the request is a PKCS#10 that proves its key and names nothing", () => {
  for (let count = 0; count < 20; count++) {
    const { csr, privateKey } = createKeyAndRequest();
    const request = AsnConvert.parse(csr, CertificationRequest);
    assert.deepEqual(new Uint8Array(AsnConvert.serialize(request)), new Uint8Array(csr));
    const info = request.certificationRequestInfo;
    assert.equal(info.version, 0);
    assert.equal(info.subject.length, 0);
    assert.equal(info.attributes.length, 0);
    const publicKey = createPublicKey(privateKey);
    const spki = Buffer.from(AsnConvert.serialize(info.subjectPKInfo));
    assert.deepEqual(spki, publicKey.export({ type: "spki", format: "der" }));
    const signed = Buffer.from(AsnConvert.serialize(info));
    assert.equal(request.signatureAlgorithm.algorithm, "1.2.840.10045.4.3.2");
    assert.equal(verify("sha256", signed, publicKey, Buffer.from(request.signature)), true);
  }
});
