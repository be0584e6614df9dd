//! An emulator of AWS with TLS and checked permissions, and the settings with which the SDK and `fanggen` call it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::{Builder, tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process_group};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use super::call_server::CallServer;
use super::comprehend::Comprehend;
use super::gate::{Gate, Refusals};
use super::upstream::Upstream;
use crate::harness::tools;

/// The account of the root key below, and of every user made with it.
pub const ACCOUNT: &str = "123456789012";

/// Another account: with its number as access key, and root's secret, one is its root.
pub const STRANGER: &str = "210987654321";

pub const REGION: &str = "us-east-1";

/// How often one is started, where its ports are taken meanwhile.
const STARTS: usize = 8;
const IDLE: Duration = Duration::from_secs(20);
/// The slowest start seen on two busy cores was 6 s.
const START: Duration = Duration::from_secs(60);

/// Ends its whole process group once nobody holds the other end of stdin: a test process that is killed, or ends with
/// the emulator in a static, drops nothing.
const WATCHED: &str = "import os, runpy, sys, threading\n\
    threading.Thread(target=lambda: (sys.stdin.read(), os.killpg(0, 9)), daemon=True).start()\n\
    runpy.run_module('ministack', run_name='__main__')";

/// What the emulator is taught before it starts.
const BUDGETS: &str = include_str!("ministack_budgets.py");

/// A running emulator, which ends with all its Lambda functions when this is dropped. Everybody reaches it through its
/// gate: commands, tests, and the functions themselves.
pub struct Emulator {
    child: Mutex<Child>,
    folder: TempDir,
    door: CallServer,
    upstream: Upstream,
    address: String,
    gate: Arc<Gate>,
    refusals: Arc<Refusals>,
    comprehend: Comprehend,
}

impl Emulator {
    /// The emulator of this test's module. The tests of a module use pipelines with different names, or different
    /// accounts (`Emulator::account`).
    pub fn shared() -> &'static Self {
        super::shared::of_this_module().emulator()
    }

    /// With TLS, and with permissions and signatures checked.
    pub fn start() -> Self {
        Self::launch(true)
    }

    /// Without TLS and without checks.
    pub fn plain() -> Self {
        Self::launch(false)
    }

    /// Starts one; again where another process was quicker to take its port, or the one of HTTPS that it takes too.
    fn launch(encrypted: bool) -> Self {
        for _ in 1..STARTS {
            let emulator = Self::spawn(encrypted);
            if emulator.is_healthy() {
                return emulator;
            }
            assert!(emulator.log().contains("already in use"), "no emulator; its log:\n{}", emulator.log());
        }
        let emulator = Self::spawn(encrypted);
        assert!(emulator.is_healthy(), "no emulator in {STARTS} starts; the last one's log:\n{}", emulator.log());
        emulator
    }

    fn spawn(encrypted: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certificates(&folder);
        let port = free_port();
        let path = |name: &str| folder.path().join(name).into_os_string();
        let log = File::create(path("log")).expect("a log");
        let mut command = Command::new(tools::ministack_python());
        command.args(["-c", &format!("{BUDGETS}\n{WATCHED}")]).current_dir(folder.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", folder.path()).env("TMPDIR", folder.path());
        command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command.env("MINISTACK_ACCOUNT_ID", ACCOUNT).env("MINISTACK_REGION", REGION);
        command.env("LAMBDA_EXECUTOR", "local").env("IOT_MTLS_ENABLED", "0");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        if encrypted {
            command.env("AUTH", "true").env("USE_SSL", "1");
            command.env("MINISTACK_SSL_CERT", path("server.pem")).env("MINISTACK_SSL_KEY", path("server.key"));
            command.env("AWS_CA_BUNDLE", path("ca.pem")).env("SSL_CERT_FILE", path("ca.pem"));
        }
        let address = format!("{}://127.0.0.1:{port}", if encrypted { "https" } else { "http" });
        let upstream = Upstream::new(address.clone(), client(&folder));
        let (gate, refusals) = (Arc::<Gate>::default(), Arc::<Refusals>::default());
        let door = door(encrypted.then(|| tls(&folder)), &gate, &refusals, &upstream);
        // Functions inherit both: the way through the gate, and to the service that the emulator has not.
        command.env("AWS_ENDPOINT_URL", door.endpoint());
        let comprehend = Comprehend::start_with(Arc::clone(&refusals));
        command.env("AWS_ENDPOINT_URL_COMPREHEND", comprehend.endpoint());
        command.stdin(Stdio::piped()).stdout(log.try_clone().expect("a log")).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("the emulator does not start: {error}"));
        let child = Mutex::new(child);
        Self { child, folder, door, upstream, address, gate, refusals, comprehend }
    }

    /// Waits until it answers, or has ended.
    fn is_healthy(&self) -> bool {
        let health = format!("{}/_ministack/health", self.address);
        let client = self.client();
        let begin = Instant::now();
        while !block_on(client.get(&health).send()).is_ok_and(|answer| answer.status().is_success()) {
            if self.child().try_wait().expect("asked").is_some() {
                return false;
            }
            assert!(begin.elapsed() < START, "no emulator; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// The gate's address, as `AWS_ENDPOINT_URL` takes it.
    pub fn endpoint(&self) -> String {
        self.door.endpoint()
    }

    /// The address of the emulator itself, which is in the URLs of its queues.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// For proxies, which judge requests as the gate does.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    pub fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// The requests that AWS would not have taken and that no test has failed for.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The certificate of the authority that signed the emulator's own.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The stand-in for Amazon Comprehend that the deployed functions call.
    pub fn comprehend(&self) -> &Comprehend {
        &self.comprehend
    }

    /// Ends the emulator and its functions, and removes its files.
    pub fn stop(&self) {
        let mut child = self.child();
        // A process id that has been waited for may be somebody else's by now.
        if matches!(child.try_wait(), Ok(None)) {
            // SIGTERM would wait half a minute for connections that are kept alive.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(self.folder.path());
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The key of the account's root, who may do everything.
    pub fn root(&self) -> Credentials {
        Credentials::new("test", "test", None, None, "emulator")
    }

    /// The key of another account's root.
    pub fn account(&self, number: &str) -> Credentials {
        Credentials::new(number, "test", None, None, "emulator")
    }

    /// Deletes everything in all accounts: not for the shared emulator, which other tests use.
    pub fn reset(&self) {
        let answer = block_on(self.client().post(format!("{}/_ministack/reset", self.address)).send());
        self.gate.strict.clear();
        assert!(answer.is_ok_and(|answer| answer.status().is_success()), "no reset; the log:\n{}", self.log());
    }

    /// The environment variables with which a program calls this emulator as root.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.environment_of(&self.endpoint(), &self.root())
    }

    /// The environment variables with which a program calls this emulator with a key, directly or through a proxy.
    pub fn environment_of(&self, endpoint: &str, key: &Credentials) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", key.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", key.secret_access_key().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("SSL_CERT_FILE", self.ca_file().display().to_string()),
        ];
        all.extend(key.session_token().map(|token| ("AWS_SESSION_TOKEN", token.to_owned())));
        all
    }

    /// The settings of an SDK client in this process: `aws_sdk_s3::Client::new(&emulator.sdk(..))`.
    pub fn sdk(&self, endpoint: &str, key: &Credentials) -> SdkConfig {
        let authority = fs::read(self.ca_file()).expect("a certificate");
        let trust = tls::TrustStore::empty().with_pem_certificate(authority);
        let context = tls::TlsContext::builder().with_trust_store(trust).build().expect("a context");
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(key.clone()))
            .http_client(Builder::new().tls_provider(provider).tls_context(context).build_https())
            .build()
    }

    /// The settings of an SDK client as the account's root, without a proxy.
    pub fn root_sdk(&self) -> SdkConfig {
        self.sdk(&self.endpoint(), &self.root())
    }

    /// An HTTP client that trusts only the certificate of the emulator.
    pub fn client(&self) -> reqwest::Client {
        client(&self.folder)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
        self.refusals.fail(|_| true);
    }
}

/// Everybody's way to the emulator.
fn door(
    tls: Option<rustls::ServerConfig>,
    gate: &Arc<Gate>,
    refusals: &Arc<Refusals>,
    upstream: &Upstream,
) -> CallServer {
    let all = Arc::new((Arc::clone(gate), Arc::clone(refusals), upstream.clone()));
    CallServer::start_with(tls, move |call| {
        let all = Arc::clone(&all);
        async move { all.0.pass(&call, &all.1, |_| None, &all.2).await }
    })
}

fn client(folder: &TempDir) -> reqwest::Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = fs::read(folder.path().join("ca.pem")).expect("a certificate");
    let authority = reqwest::Certificate::from_pem(&authority).expect("a certificate");
    // The emulator closes idle connections after 75 s, also those on which a request is just arriving.
    let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().pool_idle_timeout(IDLE);
    client.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// The certificate and key of this machine.
fn tls(folder: &TempDir) -> rustls::ServerConfig {
    let certificate = CertificateDer::from_pem_file(folder.path().join("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.path().join("server.key")).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![certificate], key).expect("a key that fits")
}

/// Waits for a future, on one runtime for all tests of the process: connections that a client keeps live on it.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
        .block_on(future)
}

/// An authority of our own, and what it signed for this machine.
fn certificates(folder: &TempDir) {
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    // A name of its own: OpenSSL takes a certificate that is signed by its own name for one that signed itself.
    params.distinguished_name.push(DnType::CommonName, "fanggen's tests");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("names");
    write("ca.pem", authority.pem());
    write("server.pem", names.signed_by(&key, &authority).expect("signed").pem());
    write("server.key", key.serialize_pem());
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("an address").port()
}
