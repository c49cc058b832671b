//! slurm.conf.

use super::Settings;
use std::path::Path;

/// A cluster of one node, with a default partition, and one whose jobs never start.
pub(super) fn slurm(
    directory: &Path,
    node: &str,
    controller: u16,
    slurmd: u16,
    settings: &Settings,
) -> String {
    let at = directory.display();
    let requeue = u8::from(settings.requeue);
    let age = settings.min_job_age_seconds;
    format!(
        "\
ClusterName=checkmill
SlurmUser=root
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={slurmd}
AuthType=auth/munge
AuthInfo=socket={at}/munge.sock
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={at}/jwt.key
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
MpiDefault=none
MinJobAge={age}
MaxJobCount=20000
JobRequeue={requeue}
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=3
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd.pid
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool
SlurmctldLogFile={at}/logs/slurmctld
SlurmdLogFile={at}/logs/slurmd
NodeName={node} NodeAddr=127.0.0.1 CPUs=32 RealMemory=4000 Gres=gpu:2 State=UNKNOWN
NodeName=ghost NodeAddr=127.0.0.1 Port=1 CPUs=1 State=DOWN
PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP
PartitionName=idle Nodes=ghost MaxTime=INFINITE State=UP
"
    )
}
