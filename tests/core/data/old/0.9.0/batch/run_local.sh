#!/bin/sh

here=$(readlink -f $(dirname $0))

cd $here/50896bb5-73f4-4599-b54d-d05321f45eb1; sh jobscript_local  # run_seq=0 pset_seq=0
cd $here/09d5696a-00f7-4cb9-b598-6eec3e3b91e7; sh jobscript_local  # run_seq=0 pset_seq=1
cd $here/7346fae4-da3a-462e-b6a4-279f6b5bb22e; sh jobscript_local  # run_seq=0 pset_seq=2
